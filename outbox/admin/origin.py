"""What wrote an event, as far as it is known: receivers, the object, the user."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.urls import reverse

from outbox.capture.receivers import Receiver
from outbox.capture.receivers import registered as receivers
from outbox.checks.hints import names_of_rows, returned_types
from outbox.conf import settings
from outbox.write.key_scope import SEPARATOR
from outbox.write.registry import EventType, registry
from outbox_core.people.text import line

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
    from django.db.models import Model
    from django.http import HttpRequest

    from outbox.models import OutboxEvent


class Link(NamedTuple):
    """A text, and where it leads if this user may go there."""

    text: str
    url: str = ""


def writers(event: OutboxEvent) -> list[str]:
    """The receivers whose annotation says that they return events of this type."""
    return [f"{each.path}()" for each in _receivers(event)]


def objects(event: OutboxEvent, request: HttpRequest, site: AdminSite) -> list[Link]:
    """The rows that its key names: those of senders whose primary key is the key."""
    key = event.key.split(SEPARATOR, len(settings().key_attributes))[-1]
    return [_link(model, key, request, site) for model in dict.fromkeys(_models(event))]


def user(actor: str, request: HttpRequest, site: AdminSite) -> Link:
    """Who did it. The middleware writes the primary key of the user who is signed in."""
    model = get_user_model()
    if not _may_see(model, request, site):
        return Link(line(actor, 200))
    found = _row(model, actor)
    return Link(line(actor, 200)) if found is None else Link(line(found, 200), _page(model, found.pk))


def _receivers(event: OutboxEvent) -> Iterator[Receiver]:
    for each in receivers:
        if any(known.name == event.type for known in returned_types(each.function)):
            yield each


def _models(event: OutboxEvent) -> Iterator[type[Model]]:
    known: EventType | None = next((each for each in registry if each.name == event.type), None)
    for receiver in _receivers(event):
        for model in receiver.models():
            if known is not None and known.key in names_of_rows(model):
                yield model


def _link(model: type[Model], key: str, request: HttpRequest, site: AdminSite) -> Link:
    text = line(f"{model._meta.label} {key}", 200)
    if not _may_see(model, request, site):
        return Link(text)
    return Link(text, _page(model, key)) if _row(model, key) else Link(f"{text}, which no longer exists")


def _may_see(model: type[Model], request: HttpRequest, site: AdminSite) -> bool:
    return site.is_registered(model) and site.get_model_admin(model).has_view_permission(request)


def _row(model: type[Model], key: str) -> Any:
    try:
        return model._base_manager.filter(pk=key).first()
    except (ValueError, ValidationError):
        return None


def _page(model: type[Model], key: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[key])
