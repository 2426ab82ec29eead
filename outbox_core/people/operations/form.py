"""The form of a new operation: what is selected, how fast, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import HttpRequest

from outbox_core.operations.bulk.operations import Operations
from outbox_core.operations.bulk.selection import FILTERS, TIMES, Selection
from outbox_core.operations.bulk.verb import OfRows, Order

LONGEST = 1_000
MOST_IDS = 1_000
TEXT = forms.TextInput(attrs={"class": "vTextField"})
TIME = forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S")
LEAST = "Select something: an id, a filter, or all."


def _text(label: str, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        required=False, max_length=LONGEST, label=label, help_text=help_text, widget=TEXT, strip=False
    )


class OrderForm(forms.Form):
    """``order`` is the operation that it describes. It offers only the verbs that the user may use."""

    verb = forms.ChoiceField(label="What")
    consumer = _text("Consumer")
    topic = _text("Topic", "As Kafka knows it.")
    type = _text("Type", "An event type, such as shop.order.placed.")
    key = _text("Key")
    key_prefix = _text("Key begins with", "Such as the tenant, where keys begin with it.")
    cause = _text("Cause", "As the failure groups name it. Not for a replay.")
    since = forms.DateTimeField(required=False, label="From", widget=TIME)
    until = forms.DateTimeField(
        required=False, widget=TIME, help_text="When it was held; for a replay, when it was created."
    )
    ids = forms.CharField(
        required=False,
        label="Ids",
        widget=forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"}),
        help_text=f"Instead of filters, or with them: at most {MOST_IDS:,}, on lines or with spaces between.",
    )
    all = forms.BooleanField(required=False, label="All, if nothing above is filled in")
    to = _text("To topic", "Only for a replay: another topic instead of their own.")
    rate = forms.FloatField(
        required=False, min_value=0.1, label="Rate", help_text="At most so many a second. Empty: no limit."
    )
    reason = _text("Reason", "It is stored in the ledger. To discard needs one.")

    def __init__(
        self, operations: Operations, request: HttpRequest, hidden: Iterable[str], *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._verbs: dict[str, OfRows] = {
            name: verb
            for name, verb in operations.selecting.items()
            if request.user.has_perm(verb.permission)
        }
        self._who = request.user.get_username()
        choices = [(name, f"{name} {verb.noun}s") for name, verb in self._verbs.items()]
        self.fields["verb"].choices = choices  # type: ignore[attr-defined]
        for name in hidden:
            del self.fields[name]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        verb = self._verbs.get(given.get("verb", ""))
        if verb is None or self.errors:
            return given
        words = given.get("ids", "").split()
        if len(words) > MOST_IDS:
            self.add_error("ids", f"These are {len(words):,} ids.")
        try:
            given["ids"] = tuple(verb.parse_id(word) for word in words)
        except ValueError:
            self.add_error(
                "ids", f"One of these is not an id of {'an' if verb.noun == 'event' else 'a'} {verb.noun}."
            )
        if verb.needs_reason and not given.get("reason", "").strip():
            self.add_error("reason", "This verb needs a reason.")
        if not (words or given.get("all") or any(given.get(name) for name in (*FILTERS, *TIMES))):
            self.add_error(None, LEAST)
        return given

    @property
    def order(self) -> Order:
        """Of a valid form."""
        given = self.cleaned_data
        named: dict[str, Any] = {name: given.get(name) or None for name in (*FILTERS, *TIMES)}
        verb = self._verbs[given["verb"]]
        return Order(
            verb=given["verb"],
            selection=Selection(ids=given["ids"], all=given["all"], **named),
            who=self._who,
            reason=given["reason"].strip(),
            rate=given["rate"],
            options=verb.options(given),
        )

    @property
    def offers_anything(self) -> bool:
        """Whether this user may use a verb."""
        return bool(self._verbs)
