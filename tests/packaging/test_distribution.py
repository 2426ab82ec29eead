"""What is uploaded, and what type checkers see in a project that has installed it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = Path(__file__).with_name("project")
SHIPPED = {"outbox", "relay", "inbox", "outbox_core"}
WRONG = "import outbox\n\noutbox.emit_many(5)\n"


def attempt(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False, timeout=300
    )


def run(*arguments: object, cwd: Path = ROOT) -> str:
    """What a command printed; fails with that where it does not end with 0."""
    done = attempt(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def python(*arguments: object, cwd: Path = ROOT) -> str:
    """What a module, run by this Python, printed."""
    return run(sys.executable, "-m", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel made of it."""
    folder = tmp_path_factory.mktemp("dist")
    python("build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Path:
    return next(distributions.glob("*.whl"))


def test_the_package_page_can_be_rendered(distributions: Path) -> None:
    python("twine", "check", "--strict", *distributions.iterdir())


def test_links_on_the_package_page_are_absolute(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith("METADATA"))
        page = archive.read(name).decode()
    targets = re.findall(r"\]\(([^)\s]+)\)", page)
    assert targets
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []


def test_the_sdist_holds_documentation_tests_and_changelog(distributions: Path) -> None:
    with tarfile.open(next(distributions.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"CHANGELOG.md", "LICENSE", "docs/explanation/guarantees.md", "tests/conftest.py"} <= names


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a clone: git knows which files belong to it")
def test_the_wheel_holds_the_packages_whole_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    packages = {name.partition("/")[0] for name in names}
    assert packages == SHIPPED
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", *sorted(SHIPPED))
    assert {name for name in listed.splitlines() if (ROOT / name).exists()} == names


def test_an_editable_installation_has_the_packages_of_the_wheel_and_no_others(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packages = {name.partition("/")[0] for name in archive.namelist() if ".dist-info/" not in name}
    assert {link.name for link in (ROOT / "editable").iterdir()} == packages


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """The Python of an environment in which the package is installed; what it needs is borrowed from ours."""
    folder = tmp_path_factory.mktemp(request.param)
    python("venv", "--without-pip", folder)
    interpreter = folder / "bin" / "python"
    packages = next((folder / "lib").glob("python*/site-packages"))
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    what = [wheel] if request.param == "wheel" else ["--no-build-isolation", "--editable", ROOT]
    alone = ("--no-deps", "--no-index", "--ignore-installed")
    python("pip", "--python", interpreter, "install", "--quiet", *alone, *what)
    return interpreter


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's project, outside this repository."""
    return Path(shutil.copytree(PROJECT, tmp_path / "project"))


def test_mypy_follows_its_types(installed: Path, project: Path) -> None:
    mypy = (sys.executable, "-m", "mypy", "--strict", f"--python-executable={installed}", "app")
    run(*mypy, cwd=project)
    (project / "app" / "wrong.py").write_text(WRONG)
    assert "[arg-type]" in attempt(*mypy, cwd=project).stdout


def test_pyright_follows_its_types(installed: Path, project: Path) -> None:
    (project / "pyrightconfig.json").write_text(json.dumps({"include": ["app"]}))
    pyright = (sys.executable, "-m", "pyright", "--pythonpath", installed)
    run(*pyright, cwd=project)
    (project / "app" / "wrong.py").write_text(WRONG)
    assert "reportArgumentType" in attempt(*pyright, cwd=project).stdout
