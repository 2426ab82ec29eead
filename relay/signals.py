"""Signals of the relay, for logging, metrics and tracing. The engine does not know its receivers.

``sender`` is the class that sends. Signals about the whole relay have ``relay``, those of a shard ``lease``.
"""

from __future__ import annotations

from django.dispatch import Signal

started = Signal()
"""The process begins. ``database``, and ``kafka``: where its publisher connects, or which one it is."""
state_changed = Signal()
"""``relay``, ``old``, ``new`` (of ``relay.condition.State``), ``cause`` (of ``relay.condition.Cause``, or
None), ``detail``, and ``seconds`` spent in the old state. An outage whose cause changes counts as one.
"""
reason_changed = Signal()
"""The outage has had another reason for some seconds. ``relay``, ``cause``, ``detail``, and ``seconds`` since
it began.
"""
shard_acquired = Signal()
"""``lease``"""
shard_lost = Signal()
"""``lease``, ``why``"""
page_read = Signal()
"""The log was read, also where nothing is new. ``lease``, ``rows``: how many, ``seconds``."""
wave_sent = Signal()
"""The publisher has answered for a wave. ``lease``, ``records`` that it took, ``seconds``."""
wave_published = Signal()
"""The position is stored behind events that are acknowledged, or were held. ``lease``, ``tally``, ``held``:
how many events were held, ``stored_at``: when, by the clock of the database (as it writes a time), and
``seconds``: how long that took.
"""
hold_made = Signal()
"""``lease``, ``row``, ``failure``, ``scope`` (``Hold.Scope``), ``provisional``: the hold may end without a
person, as for a topic that is just being created.
"""
hold_released = Signal()
"""``lease``, ``release``"""
difference_found = Signal()
"""A continuous audit has found something. ``differences``: how many there are, ``first``: the first one."""
audit_interrupted = Signal()
"""A continuous audit cannot compare now, and tries again. ``why``"""
