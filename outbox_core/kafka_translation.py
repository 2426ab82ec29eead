"""Translates options from settings into options of one client, and lists every problem. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Any

from outbox_core.kafka_options import ADDRESSES, BOTH, BY_NAME, KAFKA_PYTHON, SERVERS, Option
from outbox_core.people.redaction import Redactor
from outbox_core.suggestion import did_you_mean


@dataclass(frozen=True, slots=True)
class Given:
    """An option as it is written, and the setting that has it."""

    setting: str
    name: str
    value: Any

    @property
    def option(self) -> Option | None:
        return BY_NAME.get(self.name)

    @property
    def plain(self) -> Any:
        return self.option.kind.plain(self.value) if self.option else self.value

    @property
    def key(self) -> str:
        option = self.option
        return (option.python or option.librdkafka) if option else self.name


def resolve(
    shared: tuple[str, Mapping[str, Any]], own: tuple[str, Mapping[str, Any]], *, client: str, side: str
) -> tuple[dict[str, Any], list[str]]:
    """The options for a ``client`` as producer or consumer, and their problems, one sentence each.

    ``shared`` and ``own`` are a setting's name and its options; ``own`` wins. Options in ``shared`` that only
    the other side has are skipped. Without a ``client`` the options stay as they are written.
    """
    problems: list[str] = []
    given = {**_read(*shared, side, problems, skip=True), **_read(*own, side, problems, skip=False)}
    if not client:
        return {each.name: each.value for each in given.values()}, problems
    problems += [*_address_problems(given, shared[0]), *_value_problems(given.values())]
    result: dict[str, Any] = {}
    for each in given.values():
        try:
            result |= _translated(each, client)
        except ValueError as error:
            problems.append(str(error))
    return result, problems


def _read(
    setting: str, options: Mapping[str, Any], side: str, problems: list[str], *, skip: bool
) -> dict[str, Given]:
    found: dict[str, Given] = {}
    for name, value in options.items():
        given = Given(setting, name, value)
        if given.option and given.option.side not in (side, BOTH):
            if not skip:
                problems.append(f"{setting} has {name!r}, which is an option of a {given.option.side}.")
            continue
        other = found.get(given.key)
        if other is not None and other.plain != given.plain:
            problems.append(
                f"{setting} has {other.name!r} and {name!r}, which are the same: keep one of them."
            )
        found[given.key] = given
    return found


def _translated(given: Given, client: str) -> dict[str, Any]:
    option = given.option
    if option is None:
        if client == KAFKA_PYTHON and "." in given.name:
            hint = did_you_mean(given.name, BY_NAME) or "Leave it out."
            raise ValueError(f"{given.setting} has {given.name!r}, which {client} does not have. {hint}")
        return {given.name: given.value}  # the client itself checks it
    name = option.name(client)
    if _is_own(given.name, option, client):
        return {given.name: given.value}
    if not name:
        raise ValueError(f"{given.setting} has {given.name!r}, for which {client} has no counterpart.")
    value = given.plain if client == KAFKA_PYTHON else option.kind.librdkafka(given.plain)
    return {} if value is None and client != KAFKA_PYTHON else {name: value}


def _is_own(name: str, option: Option, client: str) -> bool:
    """Whether the client takes what is written there as it is meant. kafka-python takes ``"ssl"`` for
    PLAINTEXT, and ``"false"`` for true.
    """
    takes_text = client != KAFKA_PYTHON or option.python == option.librdkafka
    return takes_text and option.kind is not ADDRESSES and name in option.names(client)


_ADDRESS = re.compile(r"(\w+://)?([\w.-]+|\[[\da-fA-F:.]+(%\w+)?\])(:(?P<port>\d+))?")


def _address_problems(options: Mapping[str, Given], setting: str) -> Iterator[str]:
    remedy = 'it must be the address of Kafka, "host:port", or several of them.'
    given = options.get(SERVERS)
    if given is None:
        misspelt = [name for name in options if name not in BY_NAME and did_you_mean(name, [SERVERS])]
        hint = f" {misspelt[0]!r} does not exist. Did you mean {SERVERS!r}?" if misspelt else ""
        yield f"{setting} has no {SERVERS!r}: {remedy}{hint}"
    elif not isinstance(given.plain, (list, tuple)) or not given.plain:
        yield f"{given.setting} has {given.name!r} = {_shown(given.value)}: {remedy}"
    elif bad := [each for each in given.plain if not (isinstance(each, str) and _is_address(each.strip()))]:
        yield f"{given.setting} has {_shown(bad[0])} in {given.name!r}: {remedy}"


def _value_problems(options: Iterable[Given]) -> Iterator[str]:
    for each in options:
        if each.option and (needed := each.option.kind.needed(each.plain)):
            yield f"{each.setting} has {each.name!r} = {_shown(each.value)}: it must be {needed}."


def _shown(value: object) -> str:
    """A value as it may be shown: some services give URLs with a login in them."""
    return Redactor().text(repr(value))


def _is_address(text: str) -> bool:
    found = _ADDRESS.fullmatch(text)
    if found:
        return found["port"] is None or 0 < int(found["port"]) < 65_536
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True
