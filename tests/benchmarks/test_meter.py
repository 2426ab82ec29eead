"""The CPU of several processes under one name is added up."""

from __future__ import annotations

import os
import time

import pytest

from benchmarks.meter import Meter


def test_processes_of_one_name_are_added_up() -> None:
    meter = Meter({"once": [os.getpid()], "twice": [os.getpid(), os.getpid()]})
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    cpu = meter.use().cpu
    assert cpu["twice"] == pytest.approx(2 * cpu["once"], rel=0.2)
