"""The settings of another package's tests, with our apps installed."""

from __future__ import annotations

import os
from importlib import import_module

_theirs = import_module(os.environ["WATCHED_SETTINGS"])
globals().update({name: value for name, value in vars(_theirs).items() if name.isupper()})

INSTALLED_APPS = [*_theirs.INSTALLED_APPS, "outbox", "relay", "inbox", "outbox_watch"]
OUTBOX = {"SOURCE": "/watched"}
KAFKA = {"OPTIONS": {"bootstrap_servers": "127.0.0.1:9"}}
INBOX = {"CONSUMERS": {"watch": {"TOPICS": ["watch"], "HANDLERS": ["outbox_watch.handlers"]}}}
