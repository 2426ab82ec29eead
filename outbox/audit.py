"""Who did what to holds and events, in the history that Django's admin keeps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

Deed = tuple[Model, str]
"""An object, and what was done to it."""


def record(user: AbstractBaseUser | AnonymousUser, deeds: Iterable[Deed]) -> None:
    """Add to the history of each object that ``user`` did this."""
    LogEntry.objects.bulk_create(
        LogEntry(
            user_id=cast("int", user.pk),
            content_type=ContentType.objects.get_for_model(subject),
            object_id=str(subject.pk),
            object_repr=str(subject)[:200],
            action_flag=CHANGE,
            change_message=message,
        )
        for subject, message in deeds
    )
