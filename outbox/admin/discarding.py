"""The page that asks for a reason and discards a held event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.generic import FormView

from outbox.admin import databases
from outbox.errors import OutboxError
from outbox.models import Held
from outbox.operations.discarding import discard
from outbox_core.operations.bulk import to_the_end
from outbox_core.operations.selection import Selection

if TYPE_CHECKING:
    from django.http import HttpResponse

    from outbox_core.people.admin import ReadOnlyAdmin


class DiscardForm(forms.Form):
    reason = forms.CharField(
        max_length=1_000,
        widget=forms.TextInput(attrs={"class": "vTextField", "autofocus": True}),
        help_text="It is stored with the event and in the ledger.",
    )


class DiscardView(PermissionRequiredMixin, FormView):  # type: ignore[type-arg]
    """Asks for a reason, and discards a held event."""

    permission_required = "outbox.discard_held"
    raise_exception = True
    form_class = DiscardForm
    template_name = "admin/outbox/outboxevent/discard.html"
    model_admin: ReadOnlyAdmin = None  # type: ignore[assignment]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        held = self._held()
        return {
            **self.model_admin.admin_site.each_context(self.request),
            "title": "Discard a held event",
            "opts": self.model_admin.opts,
            "media": self.model_admin.media,
            "held": held,
            "others": held.hold.held.waiting().exclude(pk=held.pk)[:1_001].count() if held.hold else 0,
            **super().get_context_data(**kwargs),
        }

    def form_valid(self, form: DiscardForm) -> HttpResponse:
        held, reason = self._held(), form.cleaned_data["reason"]
        event = held.event
        chosen = Selection(ids=(event.event_id,))
        try:
            tally = to_the_end(discard(chosen, databases.home(), self.request.user.get_username(), reason))
        except OutboxError as error:
            form.add_error(None, str(error))
            return self.form_invalid(form)
        if not tally.done:
            form.add_error(None, f"{held.hold} is being released, so a relay may be publishing the event.")
            return self.form_invalid(form)
        messages.success(self.request, f"Discarded event {event.event_id} ({event.type}), reason: {reason}.")
        return super().form_valid(form)

    def get_success_url(self) -> str:
        return reverse("admin:outbox_outboxevent_change", args=[self.kwargs["pk"]])

    def _held(self) -> Held:
        waiting = Held.objects.waiting().select_related("event", "hold")
        held: Held = get_object_or_404(waiting, event_id=self.kwargs["pk"])
        return held
