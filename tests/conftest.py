"""PostgreSQL and Kafka for the whole run, each started when the first test needs it; the tiers of tests."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator

import django
import hypothesis
import pytest

import devstack
import devstack.kafka
import devstack.postgres
from tests import services as run
from tests import tiers
from tests.flushing import delete_instead
from tests.sealed import sealed

Topics = Callable[..., str]

# A test has no time limit: the machine may be busy with others.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Choose the services and set Django up; no other hook comes before a conftest below is imported."""
    if tiers.only_unit(pluginmanager):
        os.environ |= run.NOWHERE
    else:
        capture = pluginmanager.getplugin("capturemanager")
        assert capture is not None
        with capture.global_and_fixture_disabled():  # a first download shows how far it is
            os.environ |= run.chosen().environ()
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_kafka: needs Apache Kafka itself, not the stand-in")
    for tier, meaning in tiers.TIERS.items():
        config.addinivalue_line("markers", f"{tier}: {meaning}")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Assign tiers before -m chooses among them; arrange what is chosen."""
    tiers.assign(items)
    yield
    tiers.arrange(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    if not item.get_closest_marker("unit"):
        return (yield)
    with sealed(item.nodeid):
        return (yield)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("real_kafka") and not run.kafka_is_real():
        pytest.skip(run.STAND_IN)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not tiers.only_unit(config.pluginmanager):
        run.chosen().close()


@pytest.fixture(scope="session")
def postgres() -> devstack.postgres.Server:
    """PostgreSQL, answering."""
    run.start(run.chosen().postgres)
    return run.chosen().postgres


@pytest.fixture(scope="session")
def kafka_bootstrap() -> str:
    """Kafka, answering: its bootstrap servers, comma-separated."""
    run.start(run.chosen().kafka)
    return run.chosen().kafka_bootstrap


@pytest.fixture(scope="session")
def services(postgres: devstack.postgres.Server, kafka_bootstrap: str) -> devstack.Stack:
    """Both, answering."""
    return run.chosen()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, postgres: devstack.postgres.Server
) -> Iterator[None]:
    """The test database is made on a PostgreSQL that answers, and emptied quickly."""
    with pytest.MonkeyPatch.context() as patch:
        delete_instead(patch)
        yield


@pytest.fixture
def topic(kafka_bootstrap: str) -> Topics:
    """Makes topics with names of their own: ``topic(partitions=3, **{"cleanup.policy": "compact"})``."""

    def make(partitions: int = 1, **configs: str) -> str:
        name = f"test.{secrets.token_hex(6)}"
        devstack.kafka.create_topics(kafka_bootstrap, {name: partitions}, configs=configs)
        return name

    return make
