"""The units of deploy/systemd, as systemd itself judges them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).resolve().parents[2] / "deploy/systemd").glob("*@.*"))
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
EXPOSURE = 20
"""Of 100, in tenths of what ``systemd-analyze security`` prints: below 2.0 is its word "OK"."""

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze"),
]


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """All of them as instances, with programs and folders that exist here."""
    for unit in UNITS:
        text = unit.read_text().replace("/opt/outbox/.venv/bin/python", "/bin/true")
        (tmp_path / unit.name.replace("@", "@1")).write_text(text.replace("/opt/outbox", "/"))
    return tmp_path


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_systemd_has_nothing_to_say_against_the_units(units: Path) -> None:
    done = analyze("verify", "--man=no", *sorted(units.iterdir()))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", [unit.name for unit in SERVICES])
def test_a_service_is_exposed_no_more_than_it_needs(units: Path, name: str) -> None:
    path = units / name.replace("@", "@1")
    done = analyze("security", "--offline=yes", f"--threshold={EXPOSURE}", "--no-pager", path)
    assert done.returncode == 0, done.stdout[-300:]


@pytest.mark.parametrize("name", ["outbox-relay@.service", "outbox-consumer@.service"])
def test_a_process_that_hangs_or_dies_is_started_again(name: str) -> None:
    (unit,) = [each.read_text() for each in UNITS if each.name == name]
    for line in ("Type=notify", "WatchdogSec=60", "Restart=always", "StartLimitIntervalSec=0"):
        assert f"\n{line}\n" in unit
