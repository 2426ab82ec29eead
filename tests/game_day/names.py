"""What the processes of a game day and the test have in common."""

from __future__ import annotations

CONSUMER = "desk"
TYPE = "game.day"
