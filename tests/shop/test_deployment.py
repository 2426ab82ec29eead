"""The event of a deployment."""

from __future__ import annotations

import pytest
from django.core.management import call_command

import shop
from outbox.testing import CapturedEvents


@pytest.mark.django_db(transaction=True)
def test_a_run_of_migrate_that_applied_something_leaves_one_marker(outbox_events: CapturedEvents) -> None:
    call_command("migrate", "sessions", "zero", verbosity=0)
    call_command("migrate", verbosity=0)
    call_command("migrate", verbosity=0)

    (event,) = [event for event in outbox_events if event.type == "shop.deployment.migrated"]
    assert (event.topic, event.key) == ("shop.deployments", "shop")
    assert event.data == {"migrations": ["sessions.0001_initial"], "version": shop.__version__}
