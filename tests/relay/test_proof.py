"""A log that would lose or reorder events is refused, and what may change them unseen is shown."""

from __future__ import annotations

from contextlib import closing

import pytest

from outbox import status
from outbox.checks.setup import check_databases
from outbox.errors import LogUnsafe
from outbox_core.wire.encode import BinaryEncoder
from relay.conf import RelaySettings
from relay.engine import Relay
from relay.log.session import Session
from relay.publishers.memory import MemoryPublisher
from tests.relay.clusters import Place
from tests.relay.places import SEQUENCE, emit, migrate_outbox, place, refusal, template

__all__ = ["place", "template"]
pytestmark = pytest.mark.django_db(transaction=True)
DAMAGES = {
    "cache": f"ALTER SEQUENCE {SEQUENCE} CACHE 20",
    "increment": f"ALTER SEQUENCE {SEQUENCE} INCREMENT -1",
    "cycle": f"ALTER SEQUENCE {SEQUENCE} CYCLE",
    "behind": f"SELECT setval('{SEQUENCE}', 1)",
    "behind, not yet called": f"ALTER SEQUENCE {SEQUENCE} RESTART WITH 2",
    "logged": "ALTER TABLE outbox_incarnation SET LOGGED",
    "index": "DROP INDEX outbox_event_xid",
    "default": "ALTER TABLE outbox_event ALTER COLUMN xid DROP DEFAULT",
    "default of a checkpoint": "ALTER TABLE outbox_checkpoint ALTER COLUMN xid SET DEFAULT '3'",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_would_lose_or_reorder_events_is_refused_and_the_remedy_cures_it(
    place: Place, damage: str
) -> None:
    with place.is_default():
        for name in "abc":
            emit(name)
        place.execute(DAMAGES[damage])
        with closing(Session("default")) as session:
            remedy = refusal(session).remedy
            report = status.read()
            assert (report.state, report.exit_code) == (status.State.REFUSED, 2)
            assert report.problems[0].remedy == remedy
            place.execute(remedy.partition("; then")[0].rstrip(";"))
            session.prove()
        assert status.read().state is not status.State.REFUSED


def test_a_sequence_that_is_ahead_of_its_table_is_well(place: Place) -> None:
    place.execute(f"SELECT setval('{SEQUENCE}', 500, false)")
    with place.is_default(), closing(Session("default")) as session:
        session.prove()
        emit("a")
        session.prove()


def test_a_relay_that_only_drains_ends_with_the_refusal(place: Place) -> None:
    place.execute(DAMAGES["cache"])
    relay = Relay("default", RelaySettings(), MemoryPublisher(), BinaryEncoder("/test"))
    with place.is_default(), pytest.raises(LogUnsafe):
        relay.run(drain=True)


@pytest.mark.parametrize("damage", ["cache", "behind", "logged", "index"])
def test_the_check_of_the_database_says_what_a_relay_would_refuse(place: Place, damage: str) -> None:
    with place.is_default():
        for name in "abc":
            emit(name)
        assert not [each for each in check_databases(["default"]) if each.id != "outbox.W010"]
        place.execute(DAMAGES[damage])
        (error,) = [each for each in check_databases(["default"]) if each.id == "outbox.E012"]
        assert error.hint


CHANGERS = """
CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER changer BEFORE INSERT ON outbox_event FOR EACH ROW EXECUTE FUNCTION change();
"""


@pytest.mark.parametrize(
    ("doubt", "word"),
    [
        (CHANGERS, "changer"),
        ("CREATE RULE dropper AS ON INSERT TO outbox_event DO INSTEAD NOTHING", "dropper"),
        ("ALTER TABLE outbox_event ALTER COLUMN created_at SET DEFAULT now()", "created_at"),
    ],
)
def test_what_may_change_events_unseen_is_shown(place: Place, doubt: str, word: str) -> None:
    with place.is_default():
        place.execute(doubt)
        assert [
            each for each in check_databases(["default"]) if word in each.msg and each.id == "outbox.W010"
        ]
        (problem,) = [each for each in status.read().problems if word in each.text]
        assert problem.state is status.State.DEGRADED


def test_several_outboxes_without_a_chosen_schema_are_shown(place: Place) -> None:
    place.execute("CREATE SCHEMA app")
    with place.is_default(options="-c search_path=app"):
        migrate_outbox()
    with place.is_default():
        assert any("several outboxes" in each.msg for each in check_databases(["default"]))
