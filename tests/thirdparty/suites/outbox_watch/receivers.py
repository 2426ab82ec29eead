"""Every change of every model, and every signal of the package, becomes an event."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.dispatch import Signal

import outbox

IS_SILENT = "WATCH_SILENTLY" in os.environ
"""Receivers return nothing: for tests that count statements."""


class Happened(outbox.Event, type="watch.happened", topic="watch", key="key"):
    key: str
    values: str


@outbox.receiver([pre_save, post_save], previous=not IS_SILENT)
@outbox.receiver([pre_delete, post_delete, m2m_changed])
def changed(instance: Any, **kwargs: Any) -> Happened | None:
    if IS_SILENT:
        return None
    values = [repr(instance.__dict__.get(field.attname)) for field in instance._meta.concrete_fields]
    text = " ".join(values).replace("\x00", "").encode(errors="replace").decode()
    return Happened(f"{type(instance).__name__} {instance.pk}", text[:5_000])


def signalled(**kwargs: Any) -> Happened | None:
    return None if IS_SILENT else Happened("signal", " ".join(sorted(kwargs)))


for module in [module for name, module in sys.modules.items() if name.endswith(".signals")]:
    if module.__name__.startswith(os.environ["WATCHED_PACKAGE"]):
        for signal in vars(module).values():
            if isinstance(signal, Signal) and signal not in (pre_save, post_save):
                outbox.receiver(signal)(signalled)
