"""Row level security that hides rows of the inbox: later events would pass a held one that is not seen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured

from inbox.conf import settings
from inbox.doctor.database import DatabaseSteps
from inbox.management.commands.run_consumer import wait_for_database
from outbox_core.operations.doctor.step import Outcome, Result
from outbox_core.process.command import Process
from outbox_core.process.stopping import StopToken
from tests.checking import run_checks
from tests.inbox.conftest import execute


@pytest.fixture
def hidden(role: str) -> Iterator[str]:
    """The role, from which a policy hides held events."""
    execute(
        "RESET ROLE",
        "ALTER TABLE inbox_held ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY hides ON inbox_held USING (false) WITH CHECK (true)",
        f"SET ROLE {role}",
    )
    yield role
    execute(
        "RESET ROLE", "DROP POLICY hides ON inbox_held", "ALTER TABLE inbox_held DISABLE ROW LEVEL SECURITY"
    )


def test_run_consumer_is_refused(hidden: str) -> None:
    remedy = (
        f"inbox_held.*ALTER ROLE {hidden} BYPASSRLS; or ALTER TABLE inbox_held DISABLE ROW LEVEL SECURITY;"
    )
    with pytest.raises(ImproperlyConfigured, match=remedy):
        wait_for_database(settings(), "crm", Process(StopToken(), lambda: None))


def test_check_and_doctor_report_it(hidden: str) -> None:
    assert "inbox.E016" in [check.id for check in run_checks(databases=["default"])]
    step = next(step for step in DatabaseSteps("default").all() if step.name == "grants")
    result = Result.of("grants", list(step.look()), 0.0)
    assert result.outcome is Outcome.FAILED
    assert "BYPASSRLS" in result.findings[0].remedy


def test_who_sees_all_rows_is_not_refused(hidden: str) -> None:
    execute("RESET ROLE")
    wait_for_database(settings(), "crm", Process(StopToken(), lambda: None))
    assert "inbox.E016" not in [check.id for check in run_checks(databases=["default"])]
