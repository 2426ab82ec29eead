"""``python -m docsite``: build the site into site/ and check it. Exit code 1 where anything is wrong."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from docsite.links import broken

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    os.chdir(ROOT)
    os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config
    from mkdocs.exceptions import Abort

    logging.getLogger("mkdocs").addHandler(logging.StreamHandler())
    try:
        build(load_config("mkdocs.yml", strict=True))
    except Abort as error:
        print(f"docs: {error}", file=sys.stderr)
        return 1
    problems = broken(ROOT / "site")
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
