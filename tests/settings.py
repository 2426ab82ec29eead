"""The shop with a second database, and with models for every way in which one can be related to another."""

from __future__ import annotations

import copy
import json
import os
import secrets

from shop.settings import *  # noqa: F403
from shop.settings import DATABASES, INSTALLED_APPS
from tests.inbox.settings import INBOX as INBOX
from tests.inbox.settings import INBOX_APPS

INSTALLED_APPS = [*INSTALLED_APPS, *INBOX_APPS, "tests.testapp"]

# Runs side by side on one server have databases of their own.
RUN = f"{os.getpid()}_{secrets.token_hex(3)}"
DATABASES["default"]["TEST"] = {"NAME": f"test_shop_{RUN}"}
DATABASES["other"] = copy.deepcopy(DATABASES["default"]) | {"TEST": {"NAME": f"test_other_{RUN}"}}

TESTS_SWAPPED_IN = "testapp.SwappedIn"
RELAY = json.loads(os.environ.get("TESTS_RELAY", "{}"))
"""Of the processes that a test starts."""
