"""``python -m tests.game_day``: all incidents; when and where each was seen, printed and in game-day.md."""

from __future__ import annotations

import os
import sys

import pytest

FILE = "game-day.md"

if __name__ == "__main__":
    os.environ |= {"GAME_DAY": "all", "GAME_DAY_TABLE": os.environ.get("GAME_DAY_TABLE", FILE)}
    sys.exit(pytest.main(["-q", "-s", "tests/game_day", *sys.argv[1:]]))
