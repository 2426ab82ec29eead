"""System check: a signal never comes from the sender that a receiver names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error, Warning
from django.db.models import Model
from django.db.models.signals import (
    ModelSignal,
    m2m_changed,
    post_delete,
    post_migrate,
    post_save,
    pre_delete,
    pre_migrate,
    pre_save,
)
from django.dispatch import Signal

from outbox.capture.receivers import Receiver, registered
from outbox.capture.senders import models_of
from outbox.capture.signal_names import name_of

ROWS = (pre_save, post_save, pre_delete, post_delete)


def check_senders(**kwargs: object) -> list[CheckMessage]:
    """E008: the signal never comes from this sender. W004: it probably does not."""
    messages: list[CheckMessage] = []
    for receiver in registered:
        for signal, model in receiver.senders:
            messages += _of_model(receiver, signal, model)
        for signal, sender in receiver.connections:
            if signal in (pre_migrate, post_migrate):
                messages += _of_migrate(receiver, signal, sender)
            elif not isinstance(signal, ModelSignal):
                messages += _of_custom(receiver, sender)
    return messages


def _of_model(receiver: Receiver, signal: Signal, model: type[Model]) -> Iterator[CheckMessage]:
    label, name = model._meta.label, name_of(signal)
    if model._meta.swapped:
        yield _never(
            receiver,
            f"{label} is swapped for {model._meta.swapped}, so no signal comes from it.",
            f"Name {model._meta.swapped!r}, or its setting: settings.AUTH_USER_MODEL.",
        )
    elif model._meta.auto_created and signal in ROWS:
        yield _never(
            receiver,
            f"Django sends no {name} for {label}, the table of a many-to-many relation.",
            "Receive m2m_changed of this sender.",
        )
    elif signal is m2m_changed and not any(model is each for each in _throughs()):
        yield _unlikely(
            receiver,
            f"m2m_changed comes from the through model of a many-to-many relation, and {label} is not one.",
            "Name it as Order.items.through.",
        )
    elif not any(True for _ in models_of(signal, model)):
        yield _unlikely(
            receiver,
            f"No model is derived from {label}, so no {name} comes.",
            "Name a model that is not abstract.",
        )


def _throughs() -> Iterator[object]:
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_many_to_many:
            yield field.remote_field.through


def _of_migrate(receiver: Receiver, signal: Signal, sender: object) -> Iterator[CheckMessage]:
    if not (sender is None or isinstance(sender, AppConfig)):
        yield _never(
            receiver,
            f"{name_of(signal)} comes from the configuration of an app, and {sender!r} is not one.",
            "Give apps.get_app_config(label), or no sender.",
        )


def _of_custom(receiver: Receiver, sender: Any) -> Iterator[CheckMessage]:
    if isinstance(sender, str) and _is_model_name(sender):
        yield _never(
            receiver,
            f"Sender {sender!r} of a custom signal is text, and never the class that sends it.",
            "Give the class. Only signals of models accept the name of a model.",
        )
    elif isinstance(sender, type) and issubclass(sender, Model):
        children = [child._meta.label for child in sender.__subclasses__()]
        if children or sender._meta.abstract:
            yield _unlikely(
                receiver,
                f"A custom signal of sender {sender.__qualname__} is received for exactly this class, and "
                f"not for {', '.join(children) or 'the classes derived from it'}.",
                "Name each class that sends the signal: sender=[…].",
            )


def _is_model_name(text: str) -> bool:
    app, _, model = text.partition(".")
    return app in apps.app_configs and model.isidentifier()


def _never(receiver: Receiver, text: str, hint: str) -> CheckMessage:
    return Error(f"{receiver!r}: {text}", hint=hint, obj=receiver.function, id="outbox.E008")


def _unlikely(receiver: Receiver, text: str, hint: str) -> CheckMessage:
    return Warning(f"{receiver!r}: {text}", hint=hint, obj=receiver.function, id="outbox.W004")
