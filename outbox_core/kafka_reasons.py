"""Adds a remedy to the reason that a client gives for a failure. Pure."""

from __future__ import annotations

import re

from outbox_core.process.limits import REMEDIES

LOGIN = "Check the user name and the password."
_REMEDIES = {
    **REMEDIES,
    r"no such file|permission denied|ssl\.(ca|certificate|key)\.location": (
        "Check the paths of the certificate files."
    ),
    r"certificate.verify.failed|unknown ca|hostname mismatch|self.signed": (
        "Check the CA file, and that the broker's certificate names this host."
    ),
    r"resol|getaddrinfo|name or service not known|\bdns\b": "Check the host names of the brokers.",
    r"illegal.?sasl.?state": "Check the security protocol of this listener: it has no SASL.",
    r"invalid (credentials|username)": LOGIN,  # SCRAM names its mechanism, too
    r"mechanism": "Set a SASL mechanism that the broker has enabled.",
    r"authentication.?fail|sasl.authentication.error": LOGIN,
    r"idempotent|cluster.?authori[sz]ation": "Grant IDEMPOTENT_WRITE on the cluster to this user.",
    r"topic.?authori[sz]ation": (
        "Grant this user what it needs on the topic: a relay WRITE and DESCRIBE, a consumer READ and "
        "DESCRIBE."
    ),
    r"group.?authori[sz]ation": "Grant READ on the group to this user.",
    r"(size|list).?too.?large": "Raise the topic's max.message.bytes, or make the record smaller.",
    r"group.?protocol": "Use the same group protocol and assignor in every instance of the consumer.",
    r"handshake|wrong.version.number|\bssl\b|\btls\b|record layer": (
        "Check that this listener speaks TLS, and the security protocol."
    ),
    r"frame|message size|correlation|(?-i:EOF)|disconnected|connection closed|protocol": (
        "Check the security protocol of this listener: it may expect TLS or SASL."
    ),
    r"timestamp": (
        "Set the clock of the relay's host, or raise the topic's message.timestamp.before.max.ms and "
        "message.timestamp.after.max.ms."
    ),
    r"compression.?type": "Choose a compression that the broker knows.",
    r"refused": "Check that Kafka runs and listens on this address.",
}


def remedy_of(reason: str) -> str:
    """The remedy for a reason, empty if none is known."""
    matches = (remedy for pattern, remedy in _REMEDIES.items() if re.search(pattern, reason, re.IGNORECASE))
    return next(matches, "")


def parted(text: str) -> tuple[str, str]:
    """A reason and its remedy, separately. The text may come from ``explained``."""
    text = text.rstrip(". ")
    for remedy in _REMEDIES.values():
        if text.endswith(remedy.rstrip(".")):
            return text.removesuffix(remedy.rstrip(".")).rstrip(". "), remedy
    return text, remedy_of(text)


def explained(reason: str) -> str:
    """The reason, with its remedy if one is known."""
    text = " ".join(reason.split()).rstrip(". ")
    return f"{text}. {remedy_of(text)}".rstrip()
