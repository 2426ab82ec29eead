from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db import transaction
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.generic import FormView

from outbox import audit, verbs
from outbox.errors import OutboxError
from outbox.models import Held

if TYPE_CHECKING:
    from django.http import HttpResponse

    from outbox.admin.base import ReadOnlyAdmin


class DiscardForm(forms.Form):
    reason = forms.CharField(
        widget=forms.TextInput(attrs={"class": "vTextField", "autofocus": True}),
        help_text="It stays with the event and in its history.",
    )


class DiscardView(PermissionRequiredMixin, FormView):  # type: ignore[type-arg]
    """Asks for a reason, and gives a held event up."""

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
        try:
            with transaction.atomic():
                deed = verbs.discard(self._held(), form.cleaned_data["reason"])
                audit.record(self.request.user, [deed])
        except OutboxError as error:
            form.add_error(None, str(error))
            return self.form_invalid(form)
        messages.success(self.request, deed[1])
        return super().form_valid(form)

    def get_success_url(self) -> str:
        return reverse("admin:outbox_outboxevent_change", args=[self.kwargs["pk"]])

    def _held(self) -> Held:
        waiting = Held.objects.waiting().select_related("event", "hold")
        held: Held = get_object_or_404(waiting, event_id=self.kwargs["pk"])
        return held
