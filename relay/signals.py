"""What happens in a relay, for those who listen: logging, metrics, tracing. The engine knows none of them.

``sender`` is the class that sends. Signals about the whole relay have ``relay``, those of a shard ``lease``.
"""

from __future__ import annotations

from django.dispatch import Signal

state_changed = Signal()
"""``relay``, ``old``, ``new`` (of ``relay.condition.State``), ``detail``, ``seconds`` spent in the old one; a
trouble whose cause changes is one and the same.
"""
shard_acquired = Signal()
"""``lease``"""
shard_lost = Signal()
"""``lease``, ``why``"""
wave_published = Signal()
"""``lease``, ``tally``, ``held``: how many events were held."""
hold_made = Signal()
"""``lease``, ``row``, ``failure``, ``scope`` (``Hold.Scope``), ``provisional``: whether the hold may end by
itself in a moment, as for a topic that is about to be created.
"""
hold_released = Signal()
"""``lease``, ``release``"""
