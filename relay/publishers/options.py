"""Checks the options of a Kafka client."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from outbox_core.suggestion import did_you_mean


def check(
    options: Mapping[str, Any],
    *,
    required: str,
    fixed: Mapping[str, tuple[str, Collection[Any]]],
    files: Collection[str],
) -> None:
    """Refuse options without ``required``, options that the publisher decides, and ``files`` that cannot be
    read. ``fixed`` has, by the name of each option that the publisher decides, the reason and the harmless
    values.
    """
    if not options.get(required):
        raise ImproperlyConfigured(
            f'KAFKA["OPTIONS"] has no {required!r}: set it to the address of Kafka, "host:port".'
        )
    for name in options.keys() & fixed.keys():
        reason, harmless = fixed[name]
        if options[name] not in harmless:
            raise ImproperlyConfigured(
                f'KAFKA["OPTIONS"] sets {name!r} to {options[name]!r}, but {reason}. Leave it out.'
            )
    for name in files:
        if isinstance(options.get(name), str):
            _check_file(name, options[name])


def _check_file(name: str, path: str) -> None:
    if path in ("", "probe"):  # librdkafka's name for the system's own files
        return
    try:
        with Path(path).open("rb"):
            pass
    except IsADirectoryError:
        pass  # of CA certificates
    except OSError as error:
        raise ImproperlyConfigured(f'KAFKA["OPTIONS"] sets {name!r}: {error}.') from error


def unknown(name: str, whose: str, known: Collection[str]) -> ImproperlyConfigured:
    """The error for an option that the client named ``whose`` does not know."""
    hint = did_you_mean(name, known) or f"See the documentation of {whose}."
    return ImproperlyConfigured(f'KAFKA["OPTIONS"] has {name!r}, which {whose} does not know. {hint}')
