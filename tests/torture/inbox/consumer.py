"""A consumer under torture: ``python -m tests.torture.inbox.consumer FOLDER``, ``run_consumer`` with points.

Its workers are started like this, too, with the arguments of ``run_consumer`` instead of the folder.

``TORTURE_WITHOUT`` takes out a guard, to see that the verdict would tell.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django
from django.core.management import execute_from_command_line

FOLDER = "TORTURE_FOLDER"


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.torture.inbox.settings"
    arguments = sys.argv[1:]
    if len(arguments) == 1:
        os.environ[FOLDER] = arguments[0]
        arguments = ["run_consumer", "torture"]
    django.setup()
    from tests.torture.inbox.hooks import GUARDS, install
    from tests.torture.points import Points

    install(Points(Path(os.environ[FOLDER])))
    if guard := os.environ.get("TORTURE_WITHOUT"):
        GUARDS[guard]()
    execute_from_command_line([sys.argv[0], *arguments])


if __name__ == "__main__":
    main()
