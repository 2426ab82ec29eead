"""Runs the tests of another package without outbox and with it, and names those that end differently.

``python -m devstack run --postgres-only -- python tests/thirdparty/compare.py SETTINGS PACKAGE PYTEST_ARGS``,
from the folder of the package's tests, with a Python that has what they and we need.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit
from xml.etree import ElementTree

SUITES = Path(__file__).parent / "suites"
OURS = Path(__file__).parents[2] / "editable"


def database() -> dict[str, str]:
    """Where PostgreSQL is, in the variables that Oscar's and Wagtail's settings read."""
    address = urlsplit(os.environ["DATABASE_URL"])
    return {
        "DATABASE_ENGINE": "django.db.backends.postgresql",
        "DATABASE_NAME": os.environ.get("DATABASE_NAME", "thirdparty"),
        "DATABASE_USER": address.username or "",
        "DATABASE_PASSWORD": address.password or "",
        "DATABASE_HOST": address.hostname or "",
        "DATABASE_PORT": str(address.port or 5432),
    }


def outcomes(arguments: list[str], variables: dict[str, str]) -> dict[str, str]:
    """How each test ended."""
    path = os.pathsep.join([os.getcwd(), str(OURS), str(SUITES)])
    with TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "--tb=short", f"--junitxml={report}", *arguments]
        environment = {**os.environ, **database(), "PYTHONPATH": path, **variables}
        subprocess.run(command, env=environment, check=False)
        cases = ElementTree.parse(report).iter("testcase")
        return {f"{case.get('classname')}.{case.get('name')}": _outcome(case) for case in cases}


def _outcome(case: ElementTree.Element) -> str:
    return " ".join(child.tag for child in case if child.tag in ("failure", "error", "skipped")) or "passed"


def main(settings: str, package: str, *arguments: str) -> int:
    watched = {"WATCHED_SETTINGS": settings, "WATCHED_PACKAGE": package}
    without = outcomes([*arguments], {"DJANGO_SETTINGS_MODULE": settings})
    together = outcomes([*arguments], {"DJANGO_SETTINGS_MODULE": "with_outbox", **watched})
    different = [name for name in without | together if without.get(name) != together.get(name)]
    for name in different:
        sys.stdout.write(f"{name}: {without.get(name)} without outbox, {together.get(name)} with it\n")
    passed, still = (list(each.values()).count("passed") for each in (without, together))
    sys.stdout.write(
        f"{len(without)} tests; {passed} passed without outbox, {still} with it; "
        f"{len(different)} ended differently.\n"
    )
    return bool(different) or not without


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
