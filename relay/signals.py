"""What happens in a relay, for those who listen: logging, metrics, tracing. The engine knows none of them.

``sender`` is the Relay's class; every signal has ``relay``.
"""

from __future__ import annotations

from django.dispatch import Signal

state_changed = Signal()
"""``old``, ``new`` (words of ``relay.engine.State``), ``detail``, ``seconds`` spent in the old one."""
shard_acquired = Signal()
"""``lease``"""
shard_lost = Signal()
"""``lease``, ``why``"""
wave_published = Signal()
"""``lease``, ``tally``, ``aside``: how many events were set aside."""
hold_made = Signal()
"""``row``, ``failure``"""
hold_lifted = Signal()
"""``release``"""
