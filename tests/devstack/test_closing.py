"""What is closed when nothing was launched, when a part of it fails, and when the process is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devstack import docker, reaping
from devstack.kafka.containers import Containers
from devstack.stack import Stack
from tests.devstack.conftest import ROOT
from tests.waiting import wait_until


class Thing:
    """A container or a network that remembers what was asked of it."""

    def __init__(self, said: list[str], *, fails: bool = False) -> None:
        self._said = said
        self._fails = fails
        self.ports: dict[str, object] = {}

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: self

    def start(self) -> None:
        self._said.append("start")
        if self._fails:
            raise RuntimeError("no room")

    def stop(self) -> None:
        self._said.append("stop")

    def __enter__(self) -> Thing:
        self._said.append("create")
        return self

    def __exit__(self, *_: object) -> None:
        self._said.append("remove")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of the containers, the second of which does not start, and of their network."""
    said: list[str] = []
    fails = iter([False, True, True])
    monkeypatch.setattr(docker, "container", lambda *_, **__: Thing(said, fails=next(fails)))
    monkeypatch.setattr(docker, "network", lambda: Thing(said))
    monkeypatch.setattr(docker, "host", lambda: "localhost")
    return said


def test_what_was_never_launched_is_closed_without_asking_the_engine(said: list[str]) -> None:
    Containers(brokers=3).close()
    assert said == []


def test_what_was_launched_in_part_is_removed_whole(said: list[str]) -> None:
    brokers = Containers(brokers=3)
    with pytest.raises(RuntimeError, match="no room"):
        brokers.launch()
    brokers.close()
    assert said == ["create", "start", "start", "stop", "stop", "remove"]


def test_a_service_that_cannot_be_closed_does_not_keep_the_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Stack(postgres=False, kafka=False)
    closed: list[str] = []
    for name in ("kafka", "postgres"):
        monkeypatch.setattr(stack, f"_{name}", Unclosable(name, closed))
    with pytest.raises(RuntimeError):
        stack.close()
    assert closed == ["kafka", "postgres"]


class Unclosable:
    def __init__(self, name: str, closed: list[str]) -> None:
        self._name = name
        self._closed = closed

    def close(self) -> None:
        self._closed.append(self._name)
        raise RuntimeError(self._name)


def test_what_shall_run_at_the_end_runs_when_the_process_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = "import os, sys; from devstack import reaping; reaping.run_at_end(sys.argv[1:]); "
    kill = "os.kill(os.getpid(), 9)"
    killed = subprocess.run([sys.executable, "-c", code + kill, "touch", str(mark)], cwd=ROOT, check=False)
    assert killed.returncode == -9
    wait_until(mark.exists, 60, "the command has run")


def test_containers_and_networks_have_the_label_that_the_reaper_removes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(reaping, "run_at_end", commands.append)
    docker._label.cache_clear()
    try:
        ((name, value),) = docker._label().items()
        assert docker._label() == {name: value}
    finally:
        docker._label.cache_clear()
    assert [command[-1] for command in commands] == [f"{name}={value}"]
