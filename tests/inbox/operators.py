"""Commands of operators, run in this process."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any
from uuid import uuid4

from django.core.management import CommandError, call_command

from inbox.models import Instance


def run(*arguments: str) -> tuple[int, str]:
    """The exit code of a command and what it says."""
    out = StringIO()
    try:
        call_command(*arguments, stdout=out)
    except CommandError as error:
        return error.returncode, str(error)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def alive(name: str = "crm", **values: object) -> Instance:
    process = {"host": "h", "pid": 1, "state": "running"}
    return Instance.objects.create(id=uuid4(), consumer=name, **{**process, **values})


def status(*arguments: str) -> tuple[int, Any]:
    """The exit code of inbox_status, and its report."""
    code, text = run("inbox_status", "--json", *arguments)
    return code, json.loads(text)
