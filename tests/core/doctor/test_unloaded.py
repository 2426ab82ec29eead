"""What runs for months does not load what examines it."""

from __future__ import annotations

import os
import subprocess
import sys

LOAD = """
import sys
import django
django.setup()
import inbox.management.commands.run_consumer
import relay.management.commands.run_relay
import relay.publishers.confluent
import relay.publishers.kafka_python
print([name for name in sys.modules if "doctor" in name or name.endswith(".inspector")])
"""


def test_relay_and_consumer_load_no_doctor() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD], capture_output=True, text=True, env=environment, check=True, timeout=60
    )
    assert loaded.stdout.strip() == "[]"
