"""The servers of the torture suite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from devstack.errors import Unavailable
from tests.torture.ground import Ground


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """Servers of this module's own, as it stops and kills them."""
    try:
        made = Ground()
    except Unavailable as reason:
        pytest.skip(str(reason))
    with closing(made):
        yield made
