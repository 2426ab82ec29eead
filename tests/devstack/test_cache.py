"""What is brought once and kept."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from devstack.cache import kept


def test_is_built_once_also_when_several_want_it_at_once(tmp_path: Path) -> None:
    builds: list[Path] = []
    together = threading.Barrier(4)

    def want() -> None:
        together.wait()
        kept(tmp_path / "thing", lambda folder: builds.append(folder))

    threads = [threading.Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == 1


def test_what_an_interrupted_build_left_is_not_taken_for_whole(tmp_path: Path) -> None:
    def interrupted(folder: Path) -> None:
        (folder / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path / "thing", interrupted)
    assert not (tmp_path / "thing").exists()
    whole = kept(tmp_path / "thing", lambda folder: (folder / "whole").touch())
    assert [path.name for path in whole.iterdir()] == ["whole"]
