"""Every way in which Django writes rows, and what becomes of its events: the table behind a test and a page.

``python -m tests.outbox.write_paths`` writes docs/reference/write-paths.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from tests.outbox.rows import (
    about,
    admin_delete,
    bulk_updated,
    conflicts,
    described,
    formset,
    held,
    historical,
    in_bulk,
    is_async,
    listed,
    load,
    new,
    owned,
    related,
    saved,
    sql,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "write-paths.md"
KINDS = ("Plain", "Proxy", "Child", "UuidKey", "TextKey", "CompositeKey", "SwappedIn")

CAPTURED, REFUSED, NOTHING, UNSEEN = "captured", "refused", "writes nothing", "not captured"


@dataclass
class WritePath:
    """A way to write. ``events`` are what a receiver of saves and deletions gets, for each row."""

    name: str
    write: Callable[[Any, Any, Any], object]
    outcome: str = CAPTURED
    events: tuple[str, ...] = ("saved",)
    but: dict[str, str] = field(default_factory=dict)
    remedy: str = ""

    def of(self, kind: str) -> str:
        return self.but.get(kind, self.outcome)


PATHS = [
    WritePath("`Model(…).save()`", lambda m, r, o: m(**new(m)).save()),
    WritePath("`instance.save()`", lambda m, r, o: saved(r)),
    WritePath("`instance.save(update_fields=…)`", lambda m, r, o: saved(r, update_fields=["size"])),
    WritePath("`create()`", lambda m, r, o: m.objects.create(**new(m))),
    WritePath("`get_or_create()`, new", lambda m, r, o: m.objects.get_or_create(**new(m))),
    WritePath("`get_or_create()`, found", lambda m, r, o: m.objects.get_or_create(pk=r.pk), NOTHING, ()),
    WritePath("`update_or_create()`, new", lambda m, r, o: m.objects.update_or_create(**new(m))),
    WritePath(
        "`update_or_create()`, found",
        lambda m, r, o: m.objects.update_or_create(pk=r.pk, defaults={"size": 7}),
    ),
    WritePath("`acreate()`", is_async("acreate")),
    WritePath("`aget_or_create()`", is_async("aget_or_create")),
    WritePath("`aupdate_or_create()`", is_async("aupdate_or_create")),
    WritePath("`in_bulk()`, then `save()`", in_bulk),
    WritePath("`instance.delete()`", lambda m, r, o: r.delete(), events=("deleted",)),
    WritePath("`QuerySet.delete()`", lambda m, r, o: m.objects.all().delete(), events=("deleted",)),
    WritePath("`QuerySet.update()`", lambda m, r, o: m.objects.update(size=7)),
    WritePath(
        "`bulk_create()`",
        lambda m, r, o: conflicts(m, r),
        but={"Child": REFUSED},
        remedy="Django itself refuses it for multi-table children.",
    ),
    WritePath(
        "`bulk_create(ignore_conflicts=True)`",
        lambda m, r, o: conflicts(m, r, ignore_conflicts=True),
        REFUSED,
        remedy="Look up which rows exist, then `bulk_create()` and `bulk_update()`.",
    ),
    WritePath(
        "`bulk_create(update_conflicts=True)`",
        lambda m, r, o: conflicts(m, r, update_conflicts=True, update_fields=["size"], unique_fields=["pk"]),
        REFUSED,
        remedy="As above.",
    ),
    WritePath("`bulk_update()`", lambda m, r, o: bulk_updated(m, r)),
    WritePath("`owner.rows.add(row)`", lambda m, r, o: related(m, o).add(r)),
    WritePath("`owner.rows.add(row, bulk=False)`", lambda m, r, o: related(m, o).add(r, bulk=False)),
    WritePath("`owner.rows.set([row])`", lambda m, r, o: related(m, o).set([r])),
    WritePath(
        "`owner.rows.remove(row)`",
        lambda m, r, o: owned(m, r, o).remove(m.objects.get()),
        but={"CompositeKey": REFUSED},
        remedy="Django itself refuses it for composite keys.",
    ),
    WritePath("`owner.rows.clear()`", lambda m, r, o: owned(m, r, o).clear()),
    WritePath("`owner.rows.create()`", lambda m, r, o: related(m, o).create(**new(related(m, o).model))),
    WritePath("`owner.rows.update()`", lambda m, r, o: owned(m, r, o).update(size=7)),
    WritePath("`owner.delete()` with `CASCADE`", lambda m, r, o: held(m, r, o).delete(), events=("deleted",)),
    WritePath("generic relation: `owner.rows.add(row)`", lambda m, r, o: about(m, o).add(r)),
    WritePath(
        "generic relation: `owner.rows.add(row, bulk=False)`", lambda m, r, o: about(m, o).add(r, bulk=False)
    ),
    WritePath("generic relation: `owner.rows.set([row])`", lambda m, r, o: about(m, o).set([r])),
    WritePath(
        "generic relation: `owner.rows.create()`",
        lambda m, r, o: about(m, o).create(**new(about(m, o).model)),
    ),
    WritePath(
        "generic relation: `owner.rows.remove(row)`, which deletes",
        lambda m, r, o: described(m, r, o).remove(m.objects.get()),
        events=("deleted",),
    ),
    WritePath(
        "generic relation: `owner.rows.clear()`, which deletes",
        lambda m, r, o: described(m, r, o).clear(),
        events=("deleted",),
    ),
    WritePath(
        "generic relation: `owner.delete()`",
        lambda m, r, o: (described(m, r, o), o.delete()),
        events=("deleted",),
    ),
    WritePath("a form or a formset", formset),
    WritePath("the admin's action “delete selected”", admin_delete, events=("deleted",)),
    WritePath(
        "`loaddata` and other fixtures",
        load,
        UNSEEN,
        (),
        remedy="On request: `@outbox.receiver(…, raw=True)`.",
    ),
    WritePath(
        "`owner.delete()` with `SET_NULL`, `SET_DEFAULT`, `SET()`",
        lambda m, r, o: (owned(m, r, o), o.delete()),
    ),
    WritePath("`owner.delete()` with an `on_delete` of your own that lists the rows", listed),
    WritePath(
        "a data migration (historical models)",
        historical,
        UNSEEN,
        (),
        remedy="Historical models have no receivers: call `outbox.emit()` in the migration.",
    ),
    WritePath(
        "`QuerySet._raw_delete()`",
        lambda m, r, o: m.objects.all()._raw_delete("default"),
        UNSEEN,
        (),
        remedy="Use `delete()`.",
    ),
    WritePath(
        "raw SQL, triggers, `TRUNCATE`, `COPY`",
        sql,
        UNSEEN,
        (),
        remedy="Call `outbox.emit()` in the same transaction.",
    ),
    WritePath(
        "`QuerySet.update()` of a manager that is not captured",
        lambda m, r, o: QuerySet(m).update(size=7),
        UNSEEN,
        (),
        remedy="`manage.py check` names the model: `outbox.W001`, `outbox.W009`.",
    ),
]


HEAD = """# Write paths

What becomes of the events of `@outbox.receiver` for `post_save` and `post_delete`, by the way in which rows
are written. The models inherit their fields, `objects = outbox.CapturedManager()` and
`base_manager_name = "objects"` from an abstract base. Each cell is a test
(`tests/outbox/test_write_paths.py`), and so is each captured path to a second database, by a router; the page
is generated from it.

*Captured*: row and event in one transaction. *Refused*: an exception, and nothing is written. *Not captured*:
the row is written, without an event.

| | plain | proxy | multi-table child | UUID key | text key | composite key | swapped user | Instead |
|---|---|---|---|---|---|---|---|---|
"""

FOOT = """
Many-to-many relations: connect to `m2m_changed`; `add`, `set`, `remove` and `clear` send it, inside a
transaction. The receiver gets the caller's instance, also with changes that are not saved; with
`refresh=True` it gets the row. `delete(keep_parents=True)` of a multi-table child is announced to receivers
that name the child, and not to those of a parent or an abstract base. Async twins (`asave`, `adelete`,
`aupdate`, `abulk_create`, `abulk_update`) are their synchronous ones. `update()` on the manager of a parent
announces the parent's class. `bulk_create()` of rows whose primary keys the database gives (`db_default`) is
refused on Django 5.2, which does not bring them back. By a foreign key with `DB_CASCADE`, `DB_SET_NULL` or
`DB_SET_DEFAULT` (Django 6.1) the database changes rows without an event: `manage.py check` names it
(`outbox.W013`).

`dumpdata` and `loaddata` take the outbox's own tables, too (`tests/outbox/test_fixtures.py`). Events that are
loaded are new ones of this database, and are published. A position that is loaded is not believed:
`outbox_rebase` converts it, as after a restore.
"""


def page() -> str:
    """The page of the documentation."""
    rows = [
        f"| {path.name} | {' | '.join(path.of(kind) for kind in KINDS)} | {path.remedy} |\n" for path in PATHS
    ]
    return HEAD + "".join(rows) + FOOT


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
