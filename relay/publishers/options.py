"""Checking the options of a Kafka client."""

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
    """Refuse options that lack ``required``, set what the publisher decides, or name ``files`` that cannot be
    read.

    ``fixed`` gives for the name of each such option the reason, and the values that are harmless.
    """
    if not options.get(required):
        raise ImproperlyConfigured(
            f'KAFKA["OPTIONS"] lacks {required!r}: set it to the address of Kafka, "host:port".'
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
    if path in ("", "probe"):  # librdkafka's word for the system's own files
        return
    try:
        with Path(path).open("rb"):
            pass
    except IsADirectoryError:
        pass  # of CA certificates
    except OSError as error:
        raise ImproperlyConfigured(f'KAFKA["OPTIONS"] sets {name!r}: {error}.') from error


def unknown(name: str, whose: str, known: Collection[str]) -> ImproperlyConfigured:
    """The error for an option that the client ``whose`` does not know."""
    hint = did_you_mean(name, known) or f"See the documentation of {whose}."
    return ImproperlyConfigured(f'KAFKA["OPTIONS"] has {name!r}, which {whose} does not know. {hint}')
