"""The rules of deploy/kubernetes, on the parsed files and on what kustomize makes of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from relay.conf import settings

FOLDER = Path(__file__).resolve().parents[2] / "deploy/kubernetes"
HOW_TO = FOLDER.parents[1] / "docs/how-to/kubernetes.md"
COMPONENTS = ("components/keda", "components/metrics")
OVERLAYS = sorted(path.name for path in (FOLDER / "overlays").iterdir())
KUSTOMIZE = ["kustomize", "build"] if shutil.which("kustomize") else ["kubectl", "kustomize"]

Manifest = dict[str, Any]


def manifests(*folders: str) -> Iterator[Manifest]:
    for folder in folders:
        for path in sorted((FOLDER / folder).glob("*.yaml")):
            yield from yaml.safe_load_all(path.read_text())


def of_kind(*kinds: str) -> list[Manifest]:
    return [each for each in manifests("base", *COMPONENTS) if each["kind"] in kinds]


def pod(manifest: Manifest) -> Manifest:
    spec: Manifest = manifest["spec"]
    if manifest["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    template: Manifest = spec["template"]
    return template


def name(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])


WORKLOADS = of_kind("Deployment", "Job", "CronJob")
each_workload = pytest.mark.parametrize("workload", WORKLOADS, ids=name)


@each_workload
def test_a_pod_runs_a_command_that_exists_as_a_role_of_its_own(workload: Manifest) -> None:
    spec = pod(workload)["spec"]
    (container,) = spec["containers"]
    (database,) = spec["volumes"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    role = re.fullmatch(r"postgresql://(\w+)@/", environment["DATABASE_URL"])
    assert container["args"][0] in get_commands()
    assert role
    assert database["secret"]["secretName"] == f"outbox-database-{role[1]}"
    assert database["secret"]["secretName"] in HOW_TO.read_text()


def test_what_lasts_is_probed_by_the_file_that_it_writes_and_has_the_time_to_end() -> None:
    (patch,) = yaml.safe_load_all((FOLDER / "base/patches/lasting.yaml").read_text())
    (container,) = patch["spec"]["template"]["spec"]["containers"]
    for deployment in of_kind("Deployment"):
        *_, option, path = pod(deployment)["spec"]["containers"][0]["args"]
        assert option == "--liveness-file"
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert path in container[probe]["exec"]["command"]
    assert patch["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > settings().shutdown_seconds


def test_each_deployment_has_a_disruption_budget_that_selects_its_pods() -> None:
    budgets = {name(each): each["spec"]["selector"]["matchLabels"] for each in of_kind("PodDisruptionBudget")}
    assert budgets == {name(each): pod(each)["metadata"]["labels"] for each in of_kind("Deployment")}


def test_both_patches_harden_a_pod_alike() -> None:
    job, cron = (
        pod({**yaml.safe_load((FOLDER / f"base/patches/{file}.yaml").read_text()), "kind": kind})
        for kind, file in (("Job", "hardened"), ("CronJob", "hardened-cron"))
    )
    assert job == cron
    assert job["spec"]["securityContext"]["runAsNonRoot"] is True
    assert job["spec"]["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_there_are_as_many_shards_as_relays_at_most_and_consumers_as_partitions() -> None:
    arguments = {name(each): pod(each)["spec"]["containers"][0]["args"] for each in WORKLOADS}
    most = {name(each): each["spec"]["maxReplicaCount"] for each in of_kind("ScaledObject")}
    assert most.pop("relay") == int(arguments["shards"][1])
    assert set(most.values()) == {int(arguments["topics"][2])}
    assert set(most) | {"relay"} == {name(each) for each in of_kind("Deployment")}


def test_prometheus_reads_every_deployment_at_the_port_that_it_serves() -> None:
    patch = {
        each["path"].removeprefix("/spec/template/spec/containers/0/"): each
        for each in yaml.safe_load((FOLDER / "components/metrics/patches/serve.yaml").read_text())
        if each["value"] != "--http"
    }
    (port,) = patch["ports"]["value"]
    assert patch["args/-"]["value"] == f"$({patch['env/-']['value']['name']}):{port['containerPort']}"
    (monitor,) = of_kind("PodMonitor")
    (selector,) = monitor["spec"]["selector"]["matchExpressions"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert set(selector["values"]) == {name(each) for each in of_kind("Deployment")}
    assert endpoint["port"] == patch["readinessProbe"]["value"]["httpGet"]["port"] == port["name"]


@pytest.mark.acceptance
@pytest.mark.skipif(shutil.which(KUSTOMIZE[0]) is None, reason="needs kustomize or kubectl")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kustomize_builds_every_overlay(overlay: str) -> None:
    built = subprocess.run(
        [*KUSTOMIZE, str(FOLDER / "overlays" / overlay)], capture_output=True, text=True, check=True
    )
    made = {(each["kind"], name(each)) for each in yaml.safe_load_all(built.stdout)}
    assert {("Deployment", "relay"), ("Job", "migrate-shop"), ("CronJob", "retention")} <= made
