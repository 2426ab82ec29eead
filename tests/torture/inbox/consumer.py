"""A consumer under torture: ``python -m tests.torture.inbox.consumer FOLDER``, ``run_consumer`` with points.

``TORTURE_WITHOUT`` takes out a guard, to see that the verdict would tell.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django
from django.core.management import call_command


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.torture.inbox.settings"
    django.setup()
    from tests.torture.inbox.hooks import GUARDS, install
    from tests.torture.points import Points

    install(Points(Path(sys.argv[1])))
    if guard := os.environ.get("TORTURE_WITHOUT"):
        GUARDS[guard]()
    call_command("run_consumer", "torture")


if __name__ == "__main__":
    main()
