"""A step of the way, and what was found there. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from outbox_core.process.exit_codes import StatusCode


class Outcome(StrEnum):
    """How a step ended. The worst one decides the exit code."""

    OK = "ok"
    NOT_USED = "not used"
    """The settings have no need of it."""
    WARNING = "warning"
    """It works, and a person should look."""
    FAILED = "failed"
    NOT_TRIED = "not tried"
    """A step that it needs failed."""

    @property
    def exit_code(self) -> StatusCode:
        codes = {Outcome.WARNING: StatusCode.WARNING, Outcome.FAILED: StatusCode.CRITICAL}
        return codes.get(self, StatusCode.OK)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and what to do. ``outcome`` is a warning or a failure."""

    outcome: Outcome
    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class NotUsed:
    """Why the step has nothing to do."""

    why: str
    outcome: ClassVar[Outcome] = Outcome.NOT_USED


@dataclass(frozen=True, slots=True)
class NotTried:
    """Why the step could not be tried, although the steps that it needs are open."""

    why: str
    outcome: ClassVar[Outcome] = Outcome.NOT_TRIED


Note = str | Finding | NotUsed | NotTried
"""A fact, or what is wrong."""
Look = Callable[[], Iterator[Note]]


def failed(text: str, remedy: str) -> Finding:
    return Finding(Outcome.FAILED, text, remedy)


def warning(text: str, remedy: str) -> Finding:
    return Finding(Outcome.WARNING, text, remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """``look`` says what it finds. It may take ``seconds``. Without the steps that it ``needs``, it is not
    tried.
    """

    name: str
    look: Look
    needs: tuple[str, ...] = ()
    seconds: float = 10.0


_WORST_FIRST = (Outcome.FAILED, Outcome.WARNING, Outcome.NOT_TRIED, Outcome.NOT_USED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was found at a step."""

    name: str
    outcome: Outcome
    facts: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0

    @classmethod
    def of(cls, name: str, notes: list[Note], seconds: float) -> Result:
        """The result of everything that a step notes."""
        findings = tuple(each for each in notes if isinstance(each, Finding))
        facts = [
            each.why if isinstance(each, NotUsed | NotTried) else each
            for each in notes
            if not isinstance(each, Finding)
        ]
        outcomes = {each.outcome for each in notes if not isinstance(each, str)}
        worst = next((each for each in _WORST_FIRST if each in outcomes), Outcome.OK)
        return cls(name=name, outcome=worst, facts=tuple(facts), findings=findings, seconds=seconds)

    @property
    def is_open(self) -> bool:
        """Whether steps behind it can be tried."""
        return self.outcome not in (Outcome.FAILED, Outcome.NOT_TRIED)


def exit_code(results: list[Result]) -> StatusCode:
    """0 all well, 1 warnings, 2 failed."""
    return max((result.outcome.exit_code for result in results), default=StatusCode.OK)
