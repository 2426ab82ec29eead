"""The steps from a name to a connection: DNS and TCP."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from outbox_core.address import Address
from outbox_core.operations.doctor.step import Finding, Note, NotUsed, Outcome, failed

CONNECT_SECONDS = 3.0
Try = Callable[[Address], Iterator[Note]]


def dns(addresses: Sequence[Address]) -> Iterator[Note]:
    """Whether every host name has an address."""
    hosts = dict.fromkeys(address._replace(port=0) for address in addresses)
    names = [host for host in hosts if not _is_number(host.host)]
    if not names:
        yield NotUsed(f"{', '.join(host.host for host in hosts)}: no host name")
    yield from each(names, _resolve)


def tcp(addresses: Sequence[Address]) -> Iterator[Note]:
    """Whether something listens at every address."""
    yield from each(addresses, _connect)


def reach(address: Address) -> Iterator[Note]:
    """Whether it has an address, and something listens there."""
    refused = [note for note in _resolve(address) if _is_failure(note)]
    yield from refused or _connect(address)


def each(addresses: Sequence[Address], attempt: Try) -> Iterator[Note]:
    """Try them all. While one of them works, the failures of others are warnings: a client tries the next."""
    with ThreadPoolExecutor(max(1, len(addresses)), "doctor-try") as threads:
        found = list(threads.map(lambda address: list(attempt(address)), addresses))
    works = any(one and not any(_is_failure(note) for note in one) for one in found)
    for note in (note for one in found for note in one):
        if works and isinstance(note, Finding) and _is_failure(note):
            note = Finding(Outcome.WARNING, note.text, note.remedy)
        yield note


def _is_failure(note: Note) -> bool:
    return isinstance(note, Finding) and note.outcome is Outcome.FAILED


def _resolve(address: Address) -> Iterator[Note]:
    try:
        found = socket.getaddrinfo(address.host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        yield failed(
            f"{address.host} has no address: {_said(error)}.",
            "Check the host name in the settings, and the DNS servers and /etc/hosts of this machine.",
        )
        return
    numbers = dict.fromkeys(str(place[0]) for *_, place in found)
    yield f"{address.host} is {', '.join(numbers)}"


def _connect(address: Address) -> Iterator[Note]:
    try:
        socket.create_connection(address, CONNECT_SECONDS).close()
    except (socket.gaierror, UnicodeError):
        return  # the step before has said so
    except TimeoutError:
        yield failed(
            f"{address} does not answer within {CONNECT_SECONDS:g} s.",
            "A firewall or a security group drops the packets, or the machine is down.",
        )
    except OSError as error:
        yield failed(
            f"{address}: {_said(error)}.",
            "Check that Kafka runs and listens on this port and interface (listeners), and firewalls.",
        )
    else:
        yield f"{address} accepts connections"


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _said(error: Exception) -> str:
    number = getattr(error, "errno", None)
    return (getattr(error, "strerror", None) or (os.strerror(number) if number else str(error))).rstrip(".")
