"""Takes one guard out: a pytest plugin for ``tests.torture.guards``, and nothing else.

``TORTURE_SABOTAGE`` names the guard.
"""

from __future__ import annotations

import os

import pytest

from tests.torture.mutations import MUTATIONS


def pytest_collection_modifyitems(config: pytest.Config) -> None:
    """Django is set up by now."""
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    MUTATIONS[os.environ["TORTURE_SABOTAGE"]](patch)
