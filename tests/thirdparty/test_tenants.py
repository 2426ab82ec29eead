"""The files of docs/how-to/tenants.md in a project of django-tenants, where that is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docs.examples import ROOT, examples

REST = {
    "site_/settings.py": """
SECRET_KEY = "test"
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
TENANT_MODEL, TENANT_DOMAIN_MODEL = "customers.Client", "customers.Domain"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "site_.urls"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
KAFKA = {
    "BACKEND": "tests.thirdparty.tenants_broker.Broker",
    "OPTIONS": {"bootstrap_servers": ["127.0.0.1:1"]},
}
INBOX = {"CONSUMERS": {"crm": {"TOPICS": ["shop.orders"], "IGNORE": ["shop.day.*"]}}, "ATTEMPTS": 1}
""",
    "site_/urls.py": """
from django.db import transaction
from django.http import HttpResponse
from django.urls import path

import outbox
from orders.events import DayClosed
from orders.models import Order


def order(request, number, note):
    Order.objects.update_or_create(pk=number, defaults={"note": note})
    return HttpResponse("ok")


@transaction.atomic
def close(request, day):
    outbox.emit(DayClosed(day=day))
    return HttpResponse("ok")


urlpatterns = [path("order/<int:number>/<note>", order), path("close/<day>", close)]
""",
    "customers/models.py": """
from django_tenants.models import DomainMixin, TenantMixin


class Client(TenantMixin):
    pass


class Domain(DomainMixin):
    pass
""",
    "orders/models.py": """
from django.db import models


class Order(models.Model):
    note = models.TextField()
""",
    "orders/receivers.py": """
from django.db.models.signals import post_save

import outbox
from orders.events import OrderPlaced
from orders.models import Order


@outbox.receiver(post_save, sender=Order)
def saved(instance, **kwargs):
    return OrderPlaced(order_id=instance.pk, note=instance.note)
""",
    "crm/models.py": """
from django.db import models


class Receipt(models.Model):
    order = models.IntegerField()
    note = models.CharField(max_length=100)
""",
}
"""What the page leaves out, because it does not concern events."""
PACKAGES = ["site_", "customers", "orders", "crm", "orders/management", "orders/management/commands"]


@pytest.fixture
def project(tmp_path: Path, database: str) -> Path:
    reason = "django-tenants is not installed: pip install -e '.[thirdparty]'"
    pytest.importorskip("django_tenants", reason=reason)
    address = urlsplit(database)
    engine = {
        "ENGINE": "django_tenants.postgresql_backend",
        "NAME": address.path.lstrip("/"),
        "USER": address.username,
        "PASSWORD": address.password or "",
        "HOST": address.hostname,
        "PORT": address.port,
    }
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    for path, code in [*written(), *REST.items()]:
        with (tmp_path / path).open("a") as file:
            file.write(code)
    with (tmp_path / "site_" / "settings.py").open("a") as file:
        file.write(f"DATABASES = {{'default': {engine!r}}}\n")
    return tmp_path


def written() -> list[tuple[str, str]]:
    """The files of the page, each with its path."""
    page = [example.code for example in examples("python") if example.page.name == "tenants.md"]
    return [(code.partition("\n")[0].removeprefix("# "), code) for code in page]


def run(project: Path, *arguments: str) -> str:
    environ = {**os.environ, "PYTHONPATH": f"{project}{os.pathsep}{ROOT}"}
    environ["DJANGO_SETTINGS_MODULE"] = "site_.settings"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", *arguments],
        cwd=project, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_poison_event_of_a_tenant_holds_nothing_of_another_one(project: Path) -> None:
    *_, last = run(project, "tests.thirdparty.tenants_program").splitlines()
    assert json.loads(last) == {
        "outbox": [
            ["t1:1", "t1"],
            ["t2:1", "t2"],
            ["t1:1", "t1"],
            ["t2:1", "t2"],
            ["t1:monday", "t1"],
            ["t2:2026-11-29", "t2"],
            ["t1:3", "t1"],
        ],
        "relay": {
            "published": [
                "shop.orders t2:1",
                "shop.orders t2:1",
                "shop.days t1:monday",
                "shop.days t2:2026-11-29",
                "shop.orders t1:3",
            ],
            "held": [["key", "shop.orders", "t1:1"]],
        },
        "inbox": {"held": ["t1:1", "t1:1"], "t1": ["e"], "t2": ["a", "c"]},
        "tables": ["public.inbox_held", "public.outbox_event", "public.outbox_held"],
    }


def test_the_tests_of_the_page_pass(project: Path) -> None:
    run(project, "django", "makemigrations", "customers", "orders", "crm")
    run(project, "django", "test", "orders")
