"""Which worker a process is, on its command line."""

from __future__ import annotations

from argparse import ArgumentTypeError
from contextlib import suppress
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """The label in its log, the topic of its row (see ``inbox.workers.offsets``), and the file descriptor of
    its channel.
    """

    label: str
    rows: str
    descriptor: int

    def __str__(self) -> str:
        return f"{self.label}:{self.rows}:{self.descriptor}"

    @classmethod
    def read(cls, text: str) -> Self:
        """The argparse type."""
        with suppress(ValueError):
            label, rows, descriptor = text.split(":")
            return cls(label, rows, int(descriptor))
        raise ArgumentTypeError(f"{text!r} is for workers only; use WORKERS in the settings of the consumer")
