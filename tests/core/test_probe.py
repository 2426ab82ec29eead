"""A process whose loop stands still is found by its own probe, and by no other."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from outbox_core.errors import LivenessFileUnusable
from outbox_core.probe import main
from outbox_core.process.liveness import Liveness


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alive"


def age(path: Path, seconds: float) -> None:
    at = time.time() - seconds
    os.utime(path, (at, at))


def probe(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_a_process_is_alive_from_its_start_to_its_end(path: Path) -> None:
    assert probe(path) == 1
    with Liveness(path, "relay") as liveness:
        assert probe(path) == 0
        age(path, 100)
        assert probe(path) == 1
        assert probe(path, "--max-age", 200) == 0
        liveness.touch()
        assert probe(path) == 0
    assert probe(path) == 1


def test_what_is_wrong_names_the_process_and_the_file(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Liveness(path, "relay"):
        age(path, 100)
        probe(path)
    said = capsys.readouterr().err
    assert f"relay (pid {os.getpid()})" in said
    assert str(path) in said


def test_a_clock_that_was_set_back_does_not_keep_a_process_alive(path: Path) -> None:
    with Liveness(path, "relay"):
        age(path, -3600)
        assert probe(path) == 1


@pytest.mark.parametrize("max_age", ["0", "-1", "nan", "inf", "soon"])
def test_an_age_that_would_judge_nothing_is_refused(path: Path, max_age: str) -> None:
    with pytest.raises(SystemExit) as refused:
        probe(path, "--max-age", max_age)
    assert refused.value.code == 2


def test_what_is_no_file_is_not_alive(tmp_path: Path) -> None:
    assert probe(tmp_path) == 1
    assert probe(tmp_path / "no" / "such") == 1


def test_touching_is_cheap(path: Path) -> None:
    with Liveness(path, "relay") as liveness:
        liveness.touch()
        age(path, 100)
        liveness.touch()  # within the same second
        assert probe(path) == 1


def test_a_file_that_somebody_removed_is_written_again(path: Path) -> None:
    with Liveness(path, "relay") as liveness:
        path.unlink()
        liveness.touch()
        assert probe(path) == 0
    assert not path.exists()


def test_a_file_that_cannot_be_touched_ends_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with Liveness(folder / "alive", "relay") as liveness:
        (folder / "alive").unlink()
        folder.rmdir()
        liveness.touch()
    assert probe(folder / "alive") == 1


def test_two_processes_cannot_share_a_file(path: Path) -> None:
    with Liveness(path, "relay"):
        with pytest.raises(LivenessFileUnusable), Liveness(path, "relay"):
            pass
        assert probe(path) == 0


def test_a_file_left_by_a_process_that_was_killed_is_taken_over(path: Path) -> None:
    path.write_text("relay (pid 1)\n")
    age(path, 100)
    with Liveness(path, "relay"):
        assert probe(path) == 0


def test_a_file_that_is_something_else_is_left_alone(path: Path) -> None:
    path.write_text("precious\n")
    with pytest.raises(LivenessFileUnusable), Liveness(path, "relay"):
        pass
    assert path.read_text() == "precious\n"


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(LivenessFileUnusable, match="no/such"), Liveness(tmp_path / "no" / "such", "relay"):
        pass


def test_the_probe_imports_no_django(path: Path) -> None:
    code = "import sys, outbox_core.probe; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    run = [sys.executable, "-m", "outbox_core.probe", str(path)]
    with Liveness(path, "relay"):
        assert subprocess.run(run, check=False, capture_output=True).returncode == 0
    assert subprocess.run(run, check=False, capture_output=True).returncode == 1


def test_a_probe_with_the_usual_arguments_needs_no_argparse(path: Path) -> None:
    """Its import takes longer than all the rest."""
    code = (
        "import sys; from outbox_core.probe import main;"
        " main(sys.argv[1:]); sys.exit('argparse' in sys.modules)"
    )
    run = [sys.executable, "-S", "-c", code, str(path)]
    with Liveness(path, "relay"):
        for arguments in ([], ["--max-age", "10"]):
            assert subprocess.run([*run, *arguments], check=False).returncode == 0
