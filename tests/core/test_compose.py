"""The example's containers are checked one by one: each asks after its own process."""

from __future__ import annotations

import re
from pathlib import Path

COMPOSE = (Path(__file__).resolve().parents[2] / "docker-compose.yml").read_text(encoding="utf-8")


def test_every_relay_and_consumer_writes_the_file_that_its_health_check_reads() -> None:
    commands = re.findall(r"command: \[(run_\w+.*)\]", COMPOSE)
    assert len(commands) == 4
    assert all(command.endswith("--liveness-file, /tmp/alive") for command in commands)
    assert "outbox_core.probe, /tmp/alive]" in COMPOSE
    assert not re.search(r"test: .*_status", COMPOSE)
