"""Alerts and dashboards name metrics that exist, and each alert leads to a page that says what to do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from docsite.reference.metrics import series
from tests.docs.examples import ROOT

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
UNIT_TESTS = ALERTS.with_name("alerts.test.yml")
DASHBOARDS = sorted((ROOT / "deploy" / "grafana").glob("*.json"))
SITE = "https://maintainers.github.io/django-outbox-relay/"
MONITORING = ROOT / "docs" / "how-to" / "monitoring.md"


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


RULES = rules()


def expressions(dashboard: Any) -> Iterator[str]:
    """The queries of panels and variables."""
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]


def named(expression: str) -> set[str]:
    """The metrics of an expression, without what stands in its label matchers."""
    return set(re.findall(r"\b(?:outbox|inbox|process)_\w+", re.sub(r"\{[^}]*\}", "", expression)))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_about_metrics_that_exist_and_leads_to_a_page(rule: dict[str, Any]) -> None:
    assert named(rule["expr"])
    assert named(rule["expr"]) <= series()
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert all(rule["annotations"][name].strip() for name in ("summary", "description"))
    page, _, anchor = rule["annotations"]["runbook_url"].removeprefix(SITE).partition("#")
    text = (ROOT / "docs" / f"{page.rstrip('/')}.md").read_text(encoding="utf-8")
    assert not anchor or anchor in set(map(slug, re.findall(r"^#+ (.+)$", text, re.MULTILINE)))


def slug(heading: str) -> str:
    """The anchor of a heading, as the site makes it."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading.strip()).strip().lower())


def test_every_alert_has_a_unit_test_and_a_line_on_the_page() -> None:
    names = {rule["alert"] for rule in RULES}
    assert set(re.findall(r'alertname="(\w+)"', UNIT_TESTS.read_text(encoding="utf-8"))) == names
    assert names <= set(re.findall(r"`(\w+)`", MONITORING.read_text(encoding="utf-8")))


def promtool(*arguments: object) -> None:
    """Run Prometheus's own tool; fails with what it says."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("needs promtool, which Debian's package prometheus has")
    done = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.acceptance
def test_alerts_fire_when_they_should() -> None:
    promtool("test", "rules", UNIT_TESTS)


@pytest.mark.acceptance
def test_queries_of_dashboards_can_be_read(tmp_path: Path) -> None:
    """As rules, because promtool reads no dashboards."""
    queries = [query for path in DASHBOARDS for query in expressions(json.loads(path.read_text()))]
    read = [re.sub(r"\$\w+", "x", query.replace("$__rate_interval", "5m")) for query in queries]
    rules = [
        {"record": f"query{number}", "expr": query}
        for number, query in enumerate(read)
        if not query.startswith("label_values(")
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    promtool("check", "rules", file)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_a_dashboard_shows_metrics_that_exist(path: Path) -> None:
    dashboard = json.loads(path.read_text(encoding="utf-8"))
    asked = [named(expression) for expression in expressions(dashboard)]
    assert len(asked) > 20
    assert all(asked)
    assert set().union(*asked) <= series()


def test_every_metric_is_on_a_dashboard() -> None:
    """A histogram has three series; one of them is enough."""
    shown = set().union(
        *(
            named(expression)
            for path in DASHBOARDS
            for expression in expressions(json.loads(path.read_text()))
        )
    )
    asked_of_alerts = set().union(*(named(rule["expr"]) for rule in RULES))
    unseen = {re.sub(r"_(bucket|sum|count)$", "", name) for name in series()} - {
        re.sub(r"_(bucket|sum|count)$", "", name) for name in shown | asked_of_alerts
    }
    assert unseen == NOT_SHOWN


NOT_SHOWN = {
    "inbox_consumer_outages_total",
    "inbox_oldest_held_age_seconds",
    "outbox_holds",
    "outbox_oldest_hold_age_seconds",
    "outbox_published_events_total",
    "outbox_relay_held_events_total",
    "outbox_relay_holds_made_total",
    "outbox_relay_holds_released_total",
}
"""For queries of one's own: the dashboards have the same from another side."""
