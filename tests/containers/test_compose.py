"""The rules of docker-compose.yml and of the image, on the parsed files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from outbox.log.privileges import BACKFILL, HOLDS, RELAY, SHARDS, pairs
from tests.containers.compose import LASTING, ROOT

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
GRANTS = (ROOT / "deploy/postgres/grants.sql").read_text()
PROCESSES = set(LASTING) - {"postgres", "kafka", "shop"}

each_service = pytest.mark.parametrize("name", sorted(SERVICES))


@each_service
def test_what_lasts_comes_back_and_what_runs_once_ends_for_good(name: str) -> None:
    assert SERVICES[name]["restart"] == ("unless-stopped" if name in LASTING else "no")
    assert ("healthcheck" in SERVICES[name]) == (name in LASTING)


def test_a_proof_waits_for_as_many_containers_as_there_shall_be() -> None:
    replicas = {name: SERVICES[name].get("deploy", {}).get("replicas", 1) for name in LASTING}
    assert replicas == LASTING


@each_service
def test_a_container_may_do_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])
    assert not {"privileged", "cap_add", "container_name"} & set(service)


@each_service
def test_nothing_starts_before_what_it_needs_is_done_or_healthy(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_healthy" if needed in LASTING else "service_completed_successfully"
        assert how == {"condition": wanted}, needed


def test_one_service_builds_the_image_and_every_other_that_runs_it_waits_for_that_one() -> None:
    (builder,) = [name for name, service in SERVICES.items() if "build" in service]
    ours = {"shop", *PROCESSES}
    assert {name for name in ours if builder in _needs(name)} == ours
    arguments = set(re.findall(r"^ARG (\w+)", DOCKERFILE, re.MULTILINE))
    assert set(SERVICES[builder]["build"]["args"]) == arguments


def _needs(name: str) -> set[str]:
    direct = set(SERVICES[name].get("depends_on", ()))
    return direct.union(*map(_needs, direct)) if direct else direct


def test_every_relay_and_consumer_writes_the_file_that_its_health_check_reads() -> None:
    for name in PROCESSES:
        *_, option, path = SERVICES[name]["command"]
        assert option == "--liveness-file"
        assert path in SERVICES[name]["healthcheck"]["test"]
        assert "outbox_core.probe" in SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", sorted(LASTING))
def test_a_frozen_process_is_unhealthy_within_half_a_minute(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    oldest = int(check["test"][-1]) if name in PROCESSES else 0
    interval, timeout = (int(check[each].removesuffix("s")) for each in ("interval", "timeout"))
    assert oldest + check["retries"] * (interval + timeout) <= 30


@pytest.mark.parametrize("name", ["postgres", "kafka"])
def test_data_is_in_a_volume_with_a_name(name: str) -> None:
    service = SERVICES[name]
    volume, mount = next(each for each in service["volumes"] if each.startswith(f"{name}:")).split(":")
    data = service["environment"]["PGDATA" if name == "postgres" else "KAFKA_LOG_DIRS"]
    assert Path(data).is_relative_to(mount)
    assert volume == name


@each_service
def test_a_password_is_never_part_of_a_url(name: str) -> None:
    for value in SERVICES[name].get("environment", {}).values():
        assert not re.search(r"://[^/@]*:[^/@]*@", str(value)), value


def test_no_two_services_share_a_role() -> None:
    roles = [re.findall(r"//(\w+)@", SERVICES[name]["environment"]["DATABASE_URL"])[0] for name in PROCESSES]
    assert sorted(roles) == sorted(PROCESSES)


def test_the_relay_gets_the_privileges_that_it_needs_and_no_other() -> None:
    granted = re.findall(r"GRANT ([A-Z, ]+) ON (outbox_\w+) TO relay;", GRANTS)
    assert {table: privileges for privileges, table in granted} == dict(RELAY)


def test_the_shop_gets_the_privileges_of_an_operator() -> None:
    granted = re.findall(r"GRANT ([A-Z, ]+) ON (outbox_\w+) TO shop;", GRANTS)
    given = {(table, privilege) for many, table in granted for privilege in many.split(", ")}
    for needs in (HOLDS, SHARDS, BACKFILL):
        assert {*zip(*pairs(needs), strict=True)} <= given


def test_the_image_begins_with_an_init_and_is_pinned() -> None:
    assert re.search(r'^ENTRYPOINT \["tini", ', DOCKERFILE, re.MULTILINE)
    (base,) = re.findall(r"^ARG PYTHON_IMAGE=(.*)$", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", base)
    assert base in (ROOT / "docker-bake.hcl").read_text()
    assert re.search(r"^USER \d+$", DOCKERFILE, re.MULTILINE)


def test_dependencies_are_installed_before_any_source_is_copied() -> None:
    assert DOCKERFILE.index("pip --python") < DOCKERFILE.index("COPY . .")
