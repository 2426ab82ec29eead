"""The pages that ask for confirmation, and then release, discard or replay one event."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.generic import FormView

from outbox.admin import databases
from outbox.admin.actions import released
from outbox.errors import OutboxError
from outbox.models import Held, Hold, OutboxEvent
from outbox.operations import pausing
from outbox.operations.bulk import DISCARD, REPLAY, operations
from outbox.write.uuid7 import uuid7
from outbox_core.database import pinned
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.verb import Order, Verb
from outbox_core.people.humanize import plural
from outbox_core.people.text import line

if TYPE_CHECKING:
    from django.http import HttpResponse

    from outbox_core.people.admin import ReadOnlyAdmin

COUNT_UP_TO = 1_000


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=1_000,
        widget=forms.TextInput(attrs={"class": "vTextField", "autofocus": True}),
        help_text="It is stored with the event and in the ledger.",
    )


class OptionalReasonForm(ReasonForm):
    reason = forms.CharField(
        max_length=1_000,
        required=False,
        widget=forms.TextInput(attrs={"class": "vTextField", "autofocus": True}),
        help_text="It is stored in the ledger.",
    )


class EventAction(PermissionRequiredMixin, FormView):  # type: ignore[type-arg]
    """Shows what will happen. ``act`` does it, when the form is sent."""

    raise_exception = True
    form_class: type[forms.Form] = ReasonForm
    template_name = "admin/outbox/outboxevent/action.html"
    model_admin: ReadOnlyAdmin = None  # type: ignore[assignment]
    title = ""
    name = ""
    dangerous = False

    @abstractmethod
    def event(self) -> OutboxEvent:
        """The event, if this can be done with it; raises Http404 otherwise."""

    @abstractmethod
    def consequences(self) -> list[str]:
        """What will happen, in sentences."""

    @abstractmethod
    def act(self, reason: str) -> str:
        """Do it, and return a sentence that says what was done. Raises OutboxError if it is not possible."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **self.model_admin.admin_site.each_context(self.request),
            "title": self.title,
            "name": self.name,
            "dangerous": self.dangerous,
            "opts": self.model_admin.opts,
            "media": self.model_admin.media,
            "event": self.event(),
            "consequences": [line(each, 1_000) for each in self.consequences()],
            **super().get_context_data(**kwargs),
        }

    def at_once(self, verb: Verb, event: OutboxEvent, reason: str, **options: str) -> int:
        """Do it to this event. Returns 0 if it could not be done."""
        order = Order(
            verb=verb.name.value,
            selection=Selection(ids=(event.event_id,)),
            who=self.who,
            reason=reason.strip(),
            options=options,
        )
        return operations.at_once(order, databases.home()).done

    def form_valid(self, form: forms.Form) -> HttpResponse:
        self.event()
        try:
            said = self.act(form.cleaned_data.get("reason", ""))
        except OutboxError as error:
            form.add_error(None, line(error))
            return self.form_invalid(form)
        messages.success(self.request, line(said))
        return super().form_valid(form)

    def get_success_url(self) -> str:
        return reverse("admin:outbox_outboxevent_change", args=[self.kwargs["pk"]])

    @property
    def who(self) -> str:
        return self.request.user.get_username()


class HeldAction(EventAction):
    """With an event that waits behind a hold."""

    def event(self) -> OutboxEvent:
        return self.held().event

    def held(self) -> Held:
        waiting = Held.objects.waiting().select_related("event", "hold")
        held: Held = get_object_or_404(waiting, event_id=self.kwargs["pk"])
        return held

    def hold(self) -> Hold:
        hold = self.held().hold
        if hold is None:
            raise Http404("The hold has ended.")
        return hold

    def others(self) -> tuple[int, str]:
        """How many other events wait behind the hold: the number, and in words."""
        waiting = self.hold().held.waiting().exclude(event_id=self.kwargs["pk"])
        count = waiting[: COUNT_UP_TO + 1].count()
        return count, plural(min(count, COUNT_UP_TO), "other event", capped=count > COUNT_UP_TO)


class DiscardView(HeldAction):
    """Asks for a reason, and discards a held event."""

    permission_required = "outbox.discard_held"
    title, name, dangerous = "Discard a held event", "Discard the event", True

    def consequences(self) -> list[str]:
        hold, (count, others) = self.hold(), self.others()
        stay = (
            f"{others} behind this hold {'stays' if count == 1 else 'stay'} held until the hold is released."
        )
        never = "It will never be published. Its row stays in the outbox until it is pruned."
        if hold.scope == Hold.Scope.REPLAY:
            never = "It was published before, and will not be sent again."
        return [f"It waits behind {hold}. {hold.detail}", never, *([stay] if count else [])]

    def act(self, reason: str) -> str:
        held = self.held()
        event = held.event
        if not self.at_once(DISCARD, event, reason):
            raise OutboxError(f"{held.hold} is being released, so a relay may be publishing the event.")
        return f"Discarded event {event.event_id} ({event.type}), reason: {reason}."


class ReleaseEventView(HeldAction):
    """Releases the hold of an event. If it is a pause, resumes the topic."""

    form_class = forms.Form
    title, name = "Release the hold of an event", "Release the hold"

    def has_permission(self) -> bool:
        paused = self.hold().reason == Hold.Reason.PAUSED
        return self.request.user.has_perm("outbox.pause_topic" if paused else "outbox.release_hold")

    def consequences(self) -> list[str]:
        hold = self.hold()
        again = (
            "If the cause is still there, the event is held again."
            if hold.reason != Hold.Reason.PAUSED
            else "This ends the pause of the topic."
        )
        return [
            f"It waits behind {hold}. {hold.detail}",
            f"The relays publish it and {self.others()[1]} behind this hold, in order.",
            again,
        ]

    def act(self, reason: str) -> str:
        hold = self.hold()
        if hold.reason == Hold.Reason.PAUSED:
            with pinned(databases.home()):
                return pausing.resume(hold.topic, databases.home(), who=self.who)
        return " ".join(released(Selection(ids=(hold.pk,)), databases.home(), self.who))


class ReplayView(EventAction):
    """Sends a published event again."""

    permission_required = "outbox.replay_event"
    form_class = OptionalReasonForm
    title, name = "Send an event again", "Send it again"

    def event(self) -> OutboxEvent:
        published = OutboxEvent.objects.only_published()
        event: OutboxEvent = get_object_or_404(published, pk=self.kwargs["pk"])
        return event

    def consequences(self) -> list[str]:
        return [
            f"A relay sends it to {self.event().topic} once more, with the same id and bytes.",
            "The record has the header ce_replay.",
            "Consumers skip it, unless a handler has replays=True or the consumer runs with --apply-replays.",
            "Events of its key that were published after it are not sent again.",
        ]

    def act(self, reason: str) -> str:
        event, replay_id = self.event(), uuid7().hex
        if not self.at_once(REPLAY, event, reason, id=replay_id):
            raise OutboxError("It is held, or waits in another replay.")
        return f"Replay {replay_id}: a relay sends event {event.event_id} ({event.type}) again."
