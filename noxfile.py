"""``make matrix``: unit and integration tests on every supported Python, Django and PostgreSQL."""

from __future__ import annotations

import os
from pathlib import Path

import nox

ROOT = Path(__file__).parent
DJANGO = {"3.11": ("5.2",), "3.12": ("5.2", "6.0", "6.1"), "3.13": ("5.2", "6.0", "6.1")}
OLDEST_POSTGRES = 14
FREE = ("django==", "django-stubs")  # not held by constraints.txt here

nox.options.error_on_missing_interpreters = True
nox.options.reuse_existing_virtualenvs = True
# Pythons of pyenv count, whichever of them is switched on.
os.environ["PATH"] += "".join(f":{folder}" for folder in sorted(Path.home().glob(".pyenv/versions/*/bin")))


def postgres(which: str) -> dict[str, str]:
    """The environment in which the tests use the newest PostgreSQL (their own) or the machine's oldest."""
    if which == "newest":
        return {}
    installed = [
        folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if _major(folder) >= OLDEST_POSTGRES
    ]
    return {"POSTGRES_BIN": str(min(installed, key=_major))} if installed else {}


def _major(folder: Path) -> int:
    return int(folder.parent.name)


@nox.session
@nox.parametrize(
    ("python", "django", "database"),
    [
        *((python, django, "newest") for python, versions in DJANGO.items() for django in versions),
        ("3.11", "5.2", "oldest"),
        ("3.13", "6.1", "oldest"),
    ],
)
def tests(session: nox.Session, django: str, database: str) -> None:
    """Unit and integration tests; arguments after -- go to pytest instead."""
    variables = postgres(database)
    if database == "oldest" and not variables:
        session.skip("no PostgreSQL in /usr/lib/postgresql: apt-get install postgresql-15")
    pins = Path(session.create_tmp(), "constraints.txt")
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins.write_text("\n".join(line for line in lines if not line.lower().startswith(FREE)))
    session.install("-c", str(pins), "-e", ".[dev]", f"Django~={django}.0")
    arguments = session.posargs or ["-m", "unit or integration"]
    session.run("python", "-m", "pytest", "-q", *arguments, env=variables)
