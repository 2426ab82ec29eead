"""System checks: receivers and events whose effect is not what their code seems to say."""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Iterator
from functools import partial
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Warning
from django.db.models import Model
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
from django.dispatch import Signal

from outbox.capture.receivers import Receiver, registered
from outbox.capture.signal_names import name_of
from outbox.checks.hints import classes_of, returned_types
from outbox.declared import problems
from outbox.write.registry import registry

NO_EVENTS = (int, float, str, bytes, bool, dict, Model)


def check_events(**kwargs: object) -> list[CheckMessage]:
    """E009: a field whose annotation cannot be read, or has no form in JSON."""
    return [
        Error(
            problem,
            hint="Declare text, numbers, dates, UUIDs, Decimals, Enums, or lists, dicts and dataclasses of "
            "those. Import them at run time, not under TYPE_CHECKING only.",
            obj=event_type.cls,
            id="outbox.E009",
        )
        for event_type in registry
        for problem in problems(event_type.cls)
    ]


def check_returned(**kwargs: object) -> list[CheckMessage]:
    """W007: a receiver whose annotation names a result that is not an event."""
    return [
        Warning(
            f"{receiver!r} says that it returns {cls.__qualname__}, which is not an event.",
            hint="Return an event, several, or None: of a class that is an outbox.Event or an @outbox.event.",
            obj=receiver.function,
            id="outbox.W007",
        )
        for receiver in registered
        for cls in classes_of(receiver.function)
        if isinstance(cls, type) and cls not in registry and issubclass(cls, NO_EVENTS)
    ]


def check_before_save(**kwargs: object) -> list[CheckMessage]:
    """W015: a receiver of pre_save. Its events may say what is never stored."""
    return [
        Warning(
            f"{receiver!r} receives pre_save: it gets the values as they are assigned, also those that "
            "update_fields leaves out or the database stores differently.",
            hint="Use post_save, with previous=True for the row before the save; or say refresh=False, if "
            "the event is about what was assigned.",
            obj=receiver.function,
            id="outbox.W015",
        )
        for receiver in registered
        if receiver.refresh is not False and any(signal is pre_save for signal, _ in receiver.connections)
    ]


def check_uids(**kwargs: object) -> list[CheckMessage]:
    """W011: two receivers of one dispatch_uid. Only the first is called."""
    return [
        Warning(
            f"{receiver!r} is never called for {name_of(signal)}: {other!r} has the same dispatch_uid, "
            f"{receiver.uid!r}.",
            hint="Give each receiver a dispatch_uid of its own, or none.",
            obj=receiver.function,
            id="outbox.W011",
        )
        for receiver in registered
        for signal, other in dict.fromkeys(receiver.kept_out)
        if _place(other) != _place(receiver)
    ]


def check_imported_twice(**kwargs: object) -> list[CheckMessage]:
    """W012: a receiver whose module is imported under two names, so that each event is written twice."""
    return [
        Warning(
            f"{other!r} and {receiver!r} are one function of a file that is imported under two names: each "
            "of its events is written twice.",
            hint="Import the module by one name only, or give the receiver a dispatch_uid.",
            obj=receiver.function,
            id="outbox.W012",
        )
        for other, receiver in combinations(registered, 2)
        if other.function.__module__ != receiver.function.__module__
        and _place(other) == _place(receiver)
        and set(other.connections) & set(receiver.connections)
    ]


def check_plain_receivers(**kwargs: object) -> list[CheckMessage]:
    """W006: Django's own @receiver on a function that returns an event. The event is not written."""
    return [
        Warning(
            f"{function.__module__}.{function.__qualname__} is connected to {name_of(signal)} with Django's "
            f"own receiver, which ignores the {cls.__qualname__} that it returns.",
            hint="Use @outbox.receiver, or write the event with outbox.emit().",
            obj=function,
            id="outbox.W006",
        )
        for signal in _signals()
        for function in _functions(signal)
        for cls in _unwritten(function)
    ]


def check_durable(**kwargs: object) -> list[CheckMessage]:
    """W008: atomic(durable=True) in a receiver of a save that now runs in a transaction."""
    return [
        Warning(
            f"{function.__module__}.{function.__qualname__} uses durable=True for {name_of(signal)} of "
            f"{model._meta.label}: it fails, because outbox receivers put each save() into a transaction.",
            hint="Do its work in transaction.on_commit(), or without durable=True.",
            obj=function,
            id="outbox.W008",
        )
        for signal in (pre_save, post_save)
        for model in dict.fromkeys(m for each in registered for m in each.models(pre_save, post_save))
        for function in _functions(signal, model)
        if "durable=True" in _source(function)
    ]


def check_database_deletes(**kwargs: object) -> list[CheckMessage]:
    """W013: a foreign key by which the database itself deletes or changes rows (Django 6.1)."""
    return [
        Warning(
            f"{receiver!r}: the database itself changes rows of {model._meta.label} by {field.name} "
            f"({on_delete}), and writes no events.",
            hint=f"Use {str(on_delete).removeprefix('DB_')}: Django does it, and the events are written.",
            obj=model,
            id="outbox.W013",
        )
        for receiver in registered
        for model in receiver.models(pre_save, post_save, pre_delete, post_delete)
        for field in model._meta.local_concrete_fields
        if hasattr(on_delete := getattr(field.remote_field, "on_delete", None), "on_delete_sql")
        and _receives_what(on_delete) & {signal for signal, sender in receiver.connections if sender is model}
    ]


def _receives_what(on_delete: object) -> set[object]:
    return {pre_delete, post_delete} if str(on_delete) == "DB_CASCADE" else {pre_save, post_save}


def check_shadowed(**kwargs: object) -> list[CheckMessage]:
    """E011: an app named 'relay' or 'inbox' hides the one of this package."""
    home = Path(__file__).parents[2]
    return [
        Error(
            f"The app {app.name!r} at {app.path} hides the app of the same name in django-outbox-relay.",
            hint="Rename your own package.",
            obj=app.name,
            id="outbox.E011",
        )
        for app in apps.get_app_configs()
        if app.name in {"relay", "inbox"} and (home / app.name).is_dir() and Path(app.path) != home / app.name
    ]


def _place(receiver: Receiver) -> object:
    """The file and line of its function: the same if the file is imported twice."""
    code = getattr(inspect.unwrap(receiver.function), "__code__", None)
    return (code.co_filename, code.co_firstlineno, code.co_qualname) if code else receiver.function


def _signals() -> list[Signal]:
    modules = [module for module in list(sys.modules.values()) if isinstance(module, ModuleType)]
    found = [value for module in modules for value in list(vars(module).values())]
    of_receivers = [signal for receiver in registered for signal, _ in receiver.connections]
    return list(
        {id(each): each for each in [*found, *of_receivers] if type(each).__mro__.count(Signal)}.values()
    )


def _functions(signal: Signal, sender: type[Model] | None = None) -> Iterator[Any]:
    """The functions that are connected to a signal without @outbox.receiver."""
    for lookup_key, connected, *_ in signal.receivers or ():
        function = connected() if isinstance(connected, weakref.ReferenceType) else connected
        if sender is not None and lookup_key[1] not in (id(None), id(sender)):
            continue
        if function is None or isinstance(function, Receiver):
            continue
        while isinstance(function, partial):
            function = function.func
        function = inspect.unwrap(function)
        if hasattr(function, "__code__"):
            yield function


def _unwritten(function: Any) -> list[type]:
    """The event classes that a function returns, or makes without writing them."""
    returned = [event_type.cls for event_type in returned_types(function)]
    names = function.__code__.co_names
    if returned or {"emit", "emit_many", "aemit"} & set(names):
        return returned
    used = [getattr(function, "__globals__", {}).get(name) for name in names]
    return [cls for cls in used if isinstance(cls, type) and cls in registry]


def _source(function: Any) -> str:
    try:
        return inspect.getsource(function).replace(" ", "")
    except (OSError, TypeError):
        return ""
