"""Checking RELAY["OPTIONS"], the options of a Kafka client, and RELAY["PUBLISHER_OPTIONS"]."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured


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
            f'RELAY["OPTIONS"] lacks {required!r}: set it to the address of Kafka, "host:port".'
        )
    for name in options.keys() & fixed.keys():
        reason, harmless = fixed[name]
        if options[name] not in harmless:
            raise ImproperlyConfigured(
                f'RELAY["OPTIONS"] sets {name!r} to {options[name]!r}, but {reason}. Leave it out.'
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
        raise ImproperlyConfigured(f'RELAY["OPTIONS"] sets {name!r}: {error}.') from error


def unknown(
    name: str, whose: str, known: Collection[str], *, setting: str = "OPTIONS"
) -> ImproperlyConfigured:
    """The error for an option in ``RELAY[setting]`` that the client or publisher ``whose`` does not know."""
    close = get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"See the documentation of {whose}."
    return ImproperlyConfigured(f'RELAY["{setting}"] has {name!r}, which {whose} does not know. {hint}')
