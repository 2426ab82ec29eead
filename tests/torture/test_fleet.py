"""How relays end is judged by what they were asked, and by what had become of their lease meanwhile."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.torture.fleet import Fleet
from tests.waiting import wait_until

ENDS_WITH_1 = """
import signal, sys
def end(*_):
    print({last_words!r})
    sys.exit(1)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
while True:
    signal.pause()
"""
SAYS_ITS_CLIENT = """
import os, signal
print(f"client:{os.environ['CLIENT']}", flush=True)
signal.pause()
"""
GONE = "relay: The lease ran out with a wave in flight: the process ends, so that no more is sent."


@pytest.mark.parametrize(
    ("last_words", "exits", "failed"), [(GONE, {1: 1}, {}), ("something else", {}, {1: 1})]
)
def test_a_relay_that_thaws_behind_its_lease_ends_with_1_although_it_was_asked_to_end(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    last_words: str,
    exits: dict[int, int],
    failed: dict[int, int],
) -> None:
    (tmp_path / "stands_in.py").write_text(ENDS_WITH_1.format(last_words=last_words))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    fleet = Fleet(tmp_path, {"TORTURE_PROGRAM": "stands_in"}, 1)
    fleet.start()
    [member] = fleet.members()
    wait_until(lambda: "ready" in member.log.read_text(), 60, "it runs")
    fleet.resize(0)
    wait_until(lambda: bool(fleet.exits or fleet.failed_to_leave), 60, "it has ended")
    fleet.close()
    assert (fleet.exits, fleet.failed_to_leave) == (Counter(exits), Counter(failed))
    assert not member.is_running


def test_relays_have_the_clients_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stands_in.py").write_text(SAYS_ITS_CLIENT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    turns = [{"CLIENT": "one"}, {"CLIENT": "other"}]
    fleet = Fleet(tmp_path, {"TORTURE_PROGRAM": "stands_in"}, 2, turns)
    fleet.start()
    another = fleet.start_another(CLIENT="its own")
    wait_until(lambda: fleet.logs().count("client") == 3, 60, "they run")
    assert "its own" in another.log.read_text()
    another.end(signal.SIGKILL)
    another.process.wait()
    said = fleet.logs()
    fleet.close()
    assert sorted(said.split()) == ["client:its", "client:one", "client:other", "own"]
