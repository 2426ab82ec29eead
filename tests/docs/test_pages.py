"""The pages that build a project: their files are written into one, and their tests are run there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import devstack
from tests.docs.examples import Example, examples
from tests.test_readme import BLOCKS, DATABASE

TITLED = [example for example in examples("python") if example.title]
PAGES = sorted({example.page for example in TITLED})


@pytest.fixture
def project(tmp_path: Path, services: devstack.Stack) -> Path:
    """The README's two projects as one."""
    for arguments in (["startproject", "site_", "."], ["startapp", "shop"], ["startapp", "crm"]):
        subprocess.run([sys.executable, "-m", "django", *arguments], cwd=tmp_path, check=True)
    settings = tmp_path / "site_" / "settings.py"
    ours = "".join(code for path, code in BLOCKS if path == "settings.py")
    settings.write_text(settings.read_text() + ours + DATABASE.format(database=services.database_url))
    for path, code in BLOCKS:
        if path != "settings.py":
            (tmp_path / path).write_text(code)
    run(tmp_path, "manage.py", "makemigrations", "shop", "crm")
    return tmp_path


def run(project: Path, *arguments: str) -> str:
    """What Python printed; fails with that where it does not end with 0."""
    ours = {"DJANGO_SETTINGS_MODULE", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER"}
    environ = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=project, env=environ, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_a_page_works_as_written(project: Path, page: Path) -> None:
    written = [example for example in TITLED if example.page == page]
    for example in written:
        (project / example.title).write_text(example.code)
    run(project, "manage.py", "check")
    tests = [example.title for example in written if is_test(example)]
    if tests:
        flags = ["-q", "-p", "no:cacheprovider", "--ds=site_.settings"]
        assert "passed" in run(project, "-m", "pytest", *flags, *tests)


def is_test(example: Example) -> bool:
    return Path(example.title).name.startswith("test")
