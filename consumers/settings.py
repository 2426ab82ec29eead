"""Settings that the three consumers share. Only settings modules read the environment.

Each consumer is a service of its own: its database, its handlers, and an admin to look at both. None of them
knows the shop; Kafka is all that they share.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured


def _secret(name: str) -> str:
    """The variable ``name``, or what is in the file that the variable ``name``_FILE names."""
    path = os.environ.get(f"{name}_FILE")
    return Path(path).read_text(encoding="utf-8").rstrip("\n") if path else os.environ.get(name, "")


EXAMPLE_KEY = "an example, not a secret: set SECRET_KEY"
SECRET_KEY = _secret("SECRET_KEY") or EXAMPLE_KEY
DEBUG = os.environ.get("DEBUG", "0") == "1"
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

# PRODUCTION=1: a secret key of your own, and HTTPS only. Without it the example is for trying out.
PRODUCTION = os.environ.get("PRODUCTION", "0") == "1"
if PRODUCTION:
    if SECRET_KEY == EXAMPLE_KEY or len(SECRET_KEY) < 50:
        raise ImproperlyConfigured(
            "With PRODUCTION=1, set the environment variable SECRET_KEY to at least 50 random characters: "
            "python -c 'import secrets; print(secrets.token_urlsafe(60))'"
        )
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    if os.environ.get("BEHIND_PROXY", "0") == "1":  # a proxy that always sets this header itself
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

ADMIN_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "consumers.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
STATIC_URL = "static/"
# Cookies know no ports: with names of their own, the admins of one host do not sign each other out.
SESSION_COOKIE_NAME = "consumers_session"
CSRF_COOKIE_NAME = "consumers_csrf"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
KAFKA = {
    "OPTIONS": {
        "bootstrap_servers": os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092").split(","),
        # The broker answers when there is something worth fetching, or after a tenth of a second.
        "fetch_min_bytes": 16_384,
        "fetch_max_wait_ms": 100,
        # So long may a batch take; nor does a rebalance wait longer for a member that has gone quiet.
        "max_poll_interval_ms": 30_000,
        **json.loads(_secret("KAFKA_OPTIONS") or "{}"),  # such as TLS and SASL, in JSON
    },
}


def database(service: str) -> dict[str, Any]:
    """The database named after the service on the shared server, or one of its own (CRM_DATABASE_URL)."""
    own = os.environ.get(f"{service.upper()}_DATABASE_URL")
    shared = os.environ.get("DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/")
    config: dict[str, Any] = {
        **dj_database_url.parse(own or shared, conn_max_age=60, conn_health_checks=True)
    }
    # A password of any characters beside the URL, where some would need %-encoding.
    config["PASSWORD"] = _secret("DATABASE_PASSWORD") or config["PASSWORD"]
    if not own:
        config["NAME"] = service
    # A server that is cut off is noticed in seconds, not when TCP gives up.
    config["OPTIONS"] = {"connect_timeout": 5, "tcp_user_timeout": 20_000, **config.get("OPTIONS", {})}
    return config


def inbox(service: str, *, topics: list[str], **options: Any) -> dict[str, Any]:
    """The INBOX of a service that is one consumer, with as many workers as the variable WORKERS says. With
    KAFKA_TOPIC_PREFIX several demos share a broker.
    """
    return {
        "TOPIC_PREFIX": os.environ.get("KAFKA_TOPIC_PREFIX", ""),
        "CONSUMERS": {
            service: {
                "TOPICS": topics,
                "GROUP": service + os.environ.get("KAFKA_GROUP_SUFFIX", ""),
                "HANDLERS": [f"consumers.{service}.handlers"],
                "WORKERS": int(os.environ.get("WORKERS", "1")),
                **options,
            },
        },
    }
