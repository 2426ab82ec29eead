"""Settings with all our apps, for reading their code. They connect to nothing."""

from __future__ import annotations

from importlib.util import find_spec

SECRET_KEY = "documentation"
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "nowhere"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PACKAGES = [name for name in ("outbox_core", "outbox", "relay", "inbox") if find_spec(name)]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    *(name for name in PACKAGES if find_spec(f"{name}.apps")),
]
OUTBOX = {"SOURCE": "/docs"}
