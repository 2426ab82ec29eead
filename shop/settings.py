"""The shop's settings. The only module of the shop that reads the environment."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import make_conninfo


def _secret(name: str) -> str:
    """The variable ``name``, or what is in the file that the variable ``name``_FILE names."""
    path = os.environ.get(f"{name}_FILE")
    return Path(path).read_text(encoding="utf-8").rstrip("\n") if path else os.environ.get(name, "")


BASE_DIR = Path(__file__).resolve().parent.parent
CACHE_DIR = Path(os.environ.get("CACHE_DIR", BASE_DIR / ".cache"))

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

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "outbox",
    "relay",
    "shop",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "outbox.middleware.OutboxMiddleware",
]
ROOT_URLCONF = "shop.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "shop.basket.basket",
            ],
        },
    },
]
WSGI_APPLICATION = "shop.wsgi.application"


def _database_url(service: str) -> str:
    """Each service has a URL of its own, or a database named after itself on the server of DATABASE_URL."""
    server = urlsplit(os.environ.get("DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/"))
    return os.environ.get(f"{service.upper()}_DATABASE_URL") or server._replace(path=f"/{service}").geturl()


def _database() -> dict[str, Any]:
    """DATABASE_PASSWORD is a password of any characters beside the URL, where some would need %-encoding."""
    config: dict[str, Any] = {
        **dj_database_url.parse(_database_url("shop"), conn_max_age=60, conn_health_checks=True)
    }
    return {**config, "PASSWORD": _secret("DATABASE_PASSWORD") or config["PASSWORD"]}


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


def _reader() -> dict[str, str]:
    """The role that reads the databases of JOURNEY, if it is not that of their URL."""
    password = _secret("JOURNEY_PASSWORD") or _secret("DATABASE_PASSWORD")
    given = {"user": os.environ.get("JOURNEY_USER", ""), "password": password}
    return {name: value for name, value in given.items() if value}


# An order's page reads the databases of the consuming services. Nothing else here uses them; remove one, and
# the page works without it.
JOURNEY = {
    service: make_conninfo(_database_url(service), **_reader())
    for service in ("crm", "analytics", "notifications")
}

USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # serves static files as they are, also without DEBUG: no collectstatic

# Services on other ports of one host would otherwise sign each other out: cookies know no ports.
SESSION_COOKIE_NAME = "shop_session"
CSRF_COOKIE_NAME = "shop_csrf"

LOGIN_URL = "shop:welcome"
LOGIN_REDIRECT_URL = "shop:catalogue"

SILENCED_SYSTEM_CHECKS = ["outbox.I002"]  # bulk writes to auth.User: shop.Customer, its proxy, captures them
OUTBOX = {"SOURCE": "/shop", "TOPIC_PREFIX": os.environ.get("KAFKA_TOPIC_PREFIX", "")}
KAFKA = {
    "OPTIONS": {
        "bootstrap_servers": os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092").split(","),
        **json.loads(_secret("KAFKA_OPTIONS") or "{}"),  # such as TLS and SASL, in JSON
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False}},
}
