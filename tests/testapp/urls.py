"""The addresses of the tests' app."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path

import outbox
from tests.testapp.events import Note


def note(request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        outbox.emit(Note("request"))
    return HttpResponse()


async def anote(request: HttpRequest) -> HttpResponse:
    return await sync_to_async(note)(request)


urlpatterns = [path("note", note), path("anote", anote)]
