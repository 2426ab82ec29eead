"""Which model classes belong to a sender."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, pre_delete
from django.dispatch import Signal


def models_of(signal: Signal, sender: type[Model]) -> Iterator[type[Model]]:
    """The models whose signals belong to a sender. ``belongs_to`` decides about models that are created
    later.
    """
    classes = dict.fromkeys(_family(sender))
    return (cls for cls in classes if belongs_to(signal, sender, cls))


def belongs_to(signal: Signal, sender: type[Model], cls: type[Model]) -> bool:
    """Whether a signal of ``cls`` is one of ``sender``, so that each save and each deletion counts once.

    A save sends its signals for the class of the instance only: proxies and multi-table children belong to
    the sender. A deletion sends them for the concrete parents as well, so a child that is connected itself is
    not counted again.
    """
    if not issubclass(cls, sender) or cls._meta.abstract:
        return False
    if signal is m2m_changed:
        return cls is sender
    if signal in (pre_delete, post_delete):
        concrete = cls._meta.concrete_model or cls
        return not any(issubclass(parent, sender) for parent in concrete._meta.get_parent_list())
    return True


def _family(cls: type[Model]) -> Iterator[type[Model]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _family(child)


def is_of_migrations(sender: object) -> bool:
    """Whether the sender is a historical model, or the table of applied migrations. Only a receiver of all
    models gets their signals, and they may be written before the outbox exists.
    """
    return getattr(sender, "__module__", "") in ("__fake__", "django.db.migrations.recorder")
