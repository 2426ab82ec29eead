"""The settings of notifications."""

from __future__ import annotations

import os

from consumers.settings import *  # noqa: F403
from consumers.settings import ADMIN_APPS, database, inbox

INSTALLED_APPS = [*ADMIN_APPS, "inbox", "consumers.notifications"]
DATABASES = {"default": database("notifications")}
# A mail to a transaction: if something is cut off between the mail server and the database, one mail is in
# doubt and not many.
INBOX = inbox("notifications", topics=["shop.customers"], BATCH_SIZE=1)

DEFAULT_FROM_EMAIL = "The shop <welcome@shop.example>"
EMAIL_TIMEOUT = 10
if EMAIL_HOST := os.environ.get("EMAIL_HOST", ""):
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "25"))
elif EMAIL_FILE_PATH := os.environ.get("EMAIL_FILE_PATH", ""):
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
else:
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
