"""Ways to write rows that take more than one call, for ``write_paths``."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from asgiref.sync import async_to_sync
from django.db.models import QuerySet

_numbers = count(1)


def new(model: Any, **fields: Any) -> dict[str, Any]:
    """What a new row of a kind needs."""
    number = next(_numbers)
    keys: dict[str, dict[str, Any]] = {"TextKey": {"code": f"k{number}"}, "CompositeKey": {"number": number}}
    return {**keys.get(model.__name__, {}), "title": f"title {number}", **fields}


def saved(instance: Any, **options: Any) -> None:
    instance.size = 7
    instance.save(**options)


def in_bulk(model: Any, row: Any, owner: Any) -> None:
    for each in model.objects.in_bulk().values():
        saved(each)


def related(model: Any, owner: Any, how: str = "owned") -> Any:
    name = "plain" if model.__name__ in ("Proxy", "Child") else model.__name__.lower()
    return getattr(owner, f"{name}_{how}")


def about(model: Any, owner: Any) -> Any:
    """The manager of a generic relation."""
    return related(model, owner, "about")


def described(model: Any, row: Any, owner: Any) -> Any:
    """The same, with this row among them, which is not announced."""
    from django.contrib.contenttypes.models import ContentType

    QuerySet(model).filter(pk=row.pk).update(
        about_type=ContentType.objects.get_for_model(owner), about_id=owner.pk
    )
    return about(model, owner)


def owned(model: Any, row: Any, owner: Any) -> Any:
    """The manager of the owner's rows, with this one among them, which is not announced."""
    QuerySet(model).filter(pk=row.pk).update(owner=owner)
    return related(model, owner)


def held(model: Any, row: Any, owner: Any) -> Any:
    QuerySet(model).filter(pk=row.pk).update(holder=owner)
    return owner


def listed(model: Any, row: Any, owner: Any) -> None:
    """What a project's own ``on_delete`` may do: it gives the deletion a list of rows, not a queryset."""
    from django.db.models.deletion import Collector

    field, using = model._meta.get_field("owner"), owner._state.db
    rows = owned(model, row, owner).all()
    collector = Collector(using=using)
    collector.add([owner])
    collector.add_field_update(field, None, list(rows))
    collector.delete()


def conflicts(model: Any, row: Any, **options: Any) -> object:
    return model.objects.bulk_create([model(**new(model))], **options)


def bulk_updated(model: Any, row: Any) -> object:
    row.size = 7
    return model.objects.bulk_update([row], ["size"])


def formset(model: Any, row: Any, owner: Any) -> None:
    from django.forms import modelform_factory

    form = modelform_factory(model, fields=["title"])({"title": "form"}, instance=row)
    assert form.is_valid()
    form.save()


def admin_delete(model: Any, row: Any, owner: Any) -> None:
    from django.contrib.admin import ModelAdmin, site

    ModelAdmin(model, site).delete_queryset(None, model.objects.all())  # type: ignore[arg-type]


def load(model: Any, row: Any, owner: Any) -> None:
    from django.core import serializers

    for loaded in serializers.deserialize("json", serializers.serialize("json", [row])):
        loaded.save()


def historical(model: Any, row: Any, owner: Any) -> None:
    from django.apps import apps
    from django.db.migrations.state import ProjectState

    old = ProjectState.from_apps(apps).apps.get_model("testapp", model.__name__)
    for each in old.objects.all():
        saved(each)


def sql(model: Any, row: Any, owner: Any) -> None:
    from django.db import connection

    table = model._meta.get_field("size").model._meta.db_table
    connection.cursor().execute(f"UPDATE {table} SET size = 7")


def is_async(method: str) -> Callable[[Any, Any, Any], object]:
    def write(model: Any, row: Any, owner: Any) -> None:
        async def in_a_loop() -> None:
            await getattr(model.objects, method)(**new(model))

        async_to_sync(in_a_loop)()

    return write
