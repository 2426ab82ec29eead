"""A relay under torture: ``python -m tests.torture.relay FOLDER``, ``run_relay`` with named points."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django
from django.core.management import call_command


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.torture.settings"
    django.setup()
    from tests.torture.hooks import Hooks
    from tests.torture.points import Points

    Hooks(Points(Path(sys.argv[1]))).install()
    call_command("run_relay")


if __name__ == "__main__":
    main()
