"""PostgreSQL and Kafka for the whole run, each started when the first test needs it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable

import django
import pytest

import devstack
import devstack.kafka
import devstack.postgres
from tests import services as run

Topics = Callable[..., str]


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Choose the services and set Django up; no other hook comes before a conftest below is imported."""
    capture = pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():  # a first download shows how far it is
        stack = run.chosen()
    os.environ |= {"DJANGO_SETTINGS_MODULE": "tests.settings", **stack.environ()}
    django.setup()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_kafka: needs Apache Kafka itself, not the stand-in")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("real_kafka") and not run.chosen().kafka.is_real:
        pytest.skip(run.STAND_IN)


def pytest_unconfigure() -> None:
    run.chosen().close()


@pytest.fixture(scope="session")
def postgres() -> devstack.postgres.Cluster | None:
    """PostgreSQL, answering: the cluster to stop and kill, or None where it is somebody else's."""
    run.start(run.chosen().postgres)
    return run.own_postgres()


@pytest.fixture(scope="session")
def kafka_bootstrap() -> str:
    """Kafka, answering: its bootstrap servers, comma-separated."""
    run.start(run.chosen().kafka)
    return run.chosen().kafka_bootstrap


@pytest.fixture(scope="session")
def services(postgres: devstack.postgres.Cluster | None, kafka_bootstrap: str) -> devstack.Stack:
    """Both, answering."""
    return run.chosen()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, postgres: devstack.postgres.Cluster | None
) -> None:
    """The test database is made on a PostgreSQL that answers."""


@pytest.fixture
def topic(kafka_bootstrap: str) -> Topics:
    """Makes topics with names of their own: ``topic(partitions=3, **{"cleanup.policy": "compact"})``."""

    def make(partitions: int = 1, **configs: str) -> str:
        name = f"test.{secrets.token_hex(6)}"
        devstack.kafka.create_topics(kafka_bootstrap, {name: partitions}, configs=configs)
        return name

    return make
