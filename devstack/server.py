"""What every server of devstack can do: start and stop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Server(ABC):
    """Something that runs for a while: ``with server: ...`` starts it and, at the end, removes it."""

    @abstractmethod
    def launch(self) -> None:
        """Start it without waiting for it."""

    @abstractmethod
    def await_ready(self) -> None:
        """Return once it answers; raises DevstackError if it never does."""

    @abstractmethod
    def close(self) -> None:
        """Stop it, and remove its data."""

    def start(self) -> None:
        self.launch()
        self.await_ready()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
