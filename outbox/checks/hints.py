"""A hint for event types whose order may differ from what their author expects."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, get_args

from django.core.checks import CheckMessage, Info

from outbox.capture.receivers import Receiver, registered
from outbox.write.registry import EventType, registry

if TYPE_CHECKING:
    from django.db.models import Model


def keys_that_lock_nothing(**kwargs: object) -> list[CheckMessage]:
    """I001: writers of this key may not wait for each other, as writers of one row do."""
    found = {}
    for receiver in registered:
        models = receiver.models()
        for event_type in returned_types(receiver.function):
            if models and not event_type.serialize and not _names_a_row(event_type, models):
                found[event_type.name] = _hint(event_type, receiver, models)
    return list(found.values())


def returned_types(function: Callable[..., object]) -> Iterator[EventType]:
    """The event types that the annotation of a function says it returns; none without one."""
    for cls in classes_of(function):
        if isinstance(cls, type) and cls in registry:
            yield registry[cls]


def classes_of(function: Callable[..., object]) -> Iterator[object]:
    """What the annotation of a function's result names."""
    annotation = getattr(function, "__annotations__", {}).get("return")
    yield from _names_in(annotation, function) if isinstance(annotation, str) else _classes_in(annotation)


def _names_in(annotation: str, function: Callable[..., object]) -> Iterator[object]:
    """Name by name, because some may be imported for type checkers only."""
    scope = {**vars(builtins), **getattr(function, "__globals__", {})}
    for node in ast.walk(ast.parse(annotation, mode="eval")):
        if isinstance(node, ast.Name):
            yield scope.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield getattr(scope.get(node.value.id), node.attr, None)


def _classes_in(annotation: object) -> Iterator[object]:
    yield annotation
    for argument in get_args(annotation):
        yield from _classes_in(argument)


def names_of_rows(model: type[Model]) -> set[str]:
    """The names of a key that is the primary key of a model."""
    pk, name = model._meta.pk, model._meta.model_name
    return {"id", "pk", pk.name, pk.attname, f"{name}_{pk.name}", f"{name}_id"}


def _names_a_row(event_type: EventType, models: list[type[Model]]) -> bool:
    return callable(event_type.key) or any(event_type.key in names_of_rows(model) for model in models)


def _hint(event_type: EventType, receiver: Receiver, models: list[type[Model]]) -> CheckMessage:
    return Info(
        f"Events {event_type.name} of {receiver!r} are keyed by {event_type.key!r}, which is not the primary "
        f"key of {models[0]._meta.label}: two transactions may write them in one order and commit in the "
        "other.",
        hint="If their order matters, give @outbox.event serialize=True, or lock the row that the key names.",
        obj=event_type.cls,
        id="outbox.I001",
    )
