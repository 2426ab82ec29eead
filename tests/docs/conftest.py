"""What the generator of the reference finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.docs.examples import ROOT

DUMP = """
import json, os, django
from dataclasses import astuple
os.environ["DJANGO_SETTINGS_MODULE"] = "docsite.settings"
django.setup()
from django.apps import apps
from django.contrib.auth.management import _get_all_permissions
from docsite import pages
from docsite.reference import actions, checks, commands, metrics, settings, tables, wire
from docsite.settings import PACKAGES
print(json.dumps({
    "pages": pages.generated(),
    "settings": {cls.__name__: settings.described(cls) for cls in settings.classes()},
    "commands": {
        name: [(action.dest, action.help) for action in commands.arguments(name, command)]
        for name, command in commands.commands().items()
    },
    "checks": checks.found(),
    "actions": {package: [astuple(each) for each in actions.found(package)] for package in PACKAGES},
    "metrics": [metric.name for metric in metrics.declared()],
    "series": sorted(metrics.series()),
    "metric modules": [sorted(metrics.modules()), sorted(metrics.SECTIONS)],
    "numbers": list(checks.of_settings()),
    "permissions": [name for model in apps.get_models() for name, _ in _get_all_permissions(model._meta)],
    "tables": [model._meta.db_table for model in tables.models()],
    "headers": sorted(wire.found()),
    "meanings": sorted(wire.MEANING),
}))
"""

Reference = dict[str, Any]


@pytest.fixture(scope="session")
def reference() -> Reference:
    """What the generator finds, in a process with settings of its own."""
    environ = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-c", DUMP], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    found: Reference = json.loads(done.stdout)
    return found
