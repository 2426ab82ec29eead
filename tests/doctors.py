"""outbox_doctor and inbox_doctor, run in this process."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command


class Doctor:
    """Runs a doctor, and knows what it said last."""

    def __init__(self, command: str) -> None:
        self._command = command
        self.code = -1
        self.steps: dict[str, Any] = {}

    def __call__(self, *arguments: str) -> Doctor:
        out = StringIO()
        with pytest.raises(SystemExit) as end:
            call_command(self._command, "--json", *arguments, stdout=out)
        self.code = int(end.value.code or 0)
        report = json.loads(out.getvalue())
        assert report["exit_code"] == self.code
        self.steps = {step["name"]: step for step in report["steps"]}
        return self

    def outcome(self, *names: str) -> list[str]:
        """How these steps ended."""
        return [self.steps[name]["outcome"] for name in names]

    def remedies(self, name: str) -> str:
        return " ".join(problem["remedy"] for problem in self.steps[name]["problems"])
