"""The page that corrects an event: its payload as a form, and what became of it as a new event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property

from outbox.admin import databases
from outbox.admin.event_actions import EventAction, OptionalReasonForm
from outbox.conf import settings
from outbox.errors import OutboxError
from outbox.models import OutboxEvent
from outbox.operations import correcting
from outbox.write.uuid7 import uuid7
from outbox_core.errors import NotEditable
from outbox_core.people.editing import Editable
from outbox_core.people.humanize import plural
from outbox_core.people.redaction import HIDDEN, Redactor
from outbox_core.people.text import line

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

SIGNER = signing.Signer(salt="outbox.admin.correcting")


class PayloadForm(OptionalReasonForm):
    """``ticket`` has the id of the new event, so that a form that is sent twice writes one event."""

    payload = forms.CharField(
        strip=False,
        widget=forms.Textarea(attrs={"rows": 20, "class": "vLargeTextField", "spellcheck": "false"}),
        help_text=f"JSON. {HIDDEN} with a number stands for a secret: leave it, or replace it as a whole.",
    )
    ticket = forms.CharField(widget=forms.HiddenInput)
    field_order = ("payload", "reason", "ticket")


class CorrectView(EventAction):
    """Writes a new event with a changed payload."""

    permission_required = ("outbox.view_outboxevent", "outbox.view_payload", "outbox.replay_event")
    form_class = PayloadForm
    title, name = "Correct an event and send it", "Send the corrected event"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_permission():
            raise PermissionDenied
        try:
            self.editable = Editable(bytes(self.old.payload or b""), Redactor(settings().redact))
        except NotEditable as error:
            messages.error(request, f"This event cannot be corrected here. {error}")
            return HttpResponseRedirect(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)  # type: ignore[return-value]

    @cached_property
    def old(self) -> OutboxEvent:
        event: OutboxEvent = get_object_or_404(OutboxEvent.objects.with_status(), pk=self.kwargs["pk"])
        if not correcting.is_possible(event):
            raise Http404(f"Event {event.event_id} is {event.status}, or has no JSON.")
        return event

    def event(self) -> OutboxEvent:
        return self.old

    def get_initial(self) -> dict[str, Any]:
        ticket = SIGNER.sign(f"{self.old.event_id}/{uuid7()}")
        return {"payload": self.editable.text, "ticket": ticket}

    def consequences(self) -> list[str]:
        return [
            f"This writes a new event with this payload, of the same topic {self.old.topic}, key and type.",
            "A relay publishes it behind all other events of the key. The old event is its cause.",
            "It has an id of its own: every consumer handles it, also one that has handled the old event.",
            "The old event stays as it is. The changes are kept in the ledger, without secrets.",
        ]

    def form_valid(self, form: forms.Form) -> HttpResponse:
        self.given = form.cleaned_data
        return super().form_valid(form)

    def act(self, reason: str) -> str:
        event_id = self._event_id()
        try:
            payload = self.editable.payload(self.given["payload"])
        except ValueError as error:
            raise OutboxError(f"The payload is no JSON that can be sent: {line(error)}.") from error
        changed = correcting.correct(
            self.old,
            payload,
            event_id=event_id,
            who=self.who,
            reason=reason.strip(),
            using=databases.home(),
        )
        return f"Event {event_id} ({self.old.type}) is written, with {plural(len(changed), 'change')}."

    def _event_id(self) -> UUID:
        try:
            old, _, new = SIGNER.unsign(self.given["ticket"]).partition("/")
        except signing.BadSignature as error:
            raise OutboxError("This form is not from this page. Open the page again.") from error
        if old != str(self.old.event_id):
            raise OutboxError("This form is of another event. Open the page again.")
        return UUID(new)
