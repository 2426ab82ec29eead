"""The CPU that each process takes while something runs, and what others take of the machine meanwhile."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Use:
    """Seconds: of the clock, of CPU by process, and of CPU that others took."""

    wall: float
    cpu: Mapping[str, float]
    others: float

    def of_one(self, name: str, events: int) -> float:
        """Microseconds of CPU that one event took of a process."""
        return self.cpu[name] / events * 1e6


class Meter:
    """Measures processes and all below them, by their pids. Those of one name are added up."""

    def __init__(self, pids: Mapping[str, Sequence[int]]) -> None:
        self._pids = dict(pids)
        self._began, self._before, self._busy = time.perf_counter(), self._read(), _busy()

    def use(self) -> Use:
        """Since this meter was made."""
        wall, now, busy = time.perf_counter() - self._began, self._read(), _busy() - self._busy
        cpu = {name: max(0.0, now[name] - self._before[name]) for name in now}
        return Use(wall, cpu, max(0.0, busy - sum(cpu.values())))

    def _read(self) -> dict[str, float]:
        return {name: sum(map(_with_children, pids)) for name, pids in self._pids.items()}


def _with_children(pid: int) -> float:
    """Also of children that have ended: their parent has inherited it."""
    seconds = 0.0
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                seconds += sum(each.cpu_times()[:4])
    return seconds


def _busy() -> float:
    """Seconds of CPU that anybody has used on this machine."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))
