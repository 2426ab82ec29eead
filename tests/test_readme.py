"""The README's example, as written, in two projects made with Django's own startproject and startapp."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

import devstack
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n# (\S+)[^\n]*\n(.*?)```", README, re.DOTALL)
NO_ISSUES = "System check identified no issues (0 silenced).\n"
(TOPICS,) = re.findall(r"manage\.py (outbox_topics[^#\n]*)", README)
DATABASE = """
import dj_database_url
DATABASES = {{"default": dj_database_url.parse({database!r})}}
"""


class Project:
    """A project of one app, whose files are those that the README names."""

    prefix = f"readme-{secrets.token_hex(4)}."

    def __init__(self, folder: Path, app: str, stack: devstack.Stack, blocks: list[tuple[str, str]]) -> None:
        self.folder, self.app = folder, app
        folder.mkdir()
        self._django("startproject", "site_", ".")
        self._django("startapp", app)
        self.url = stack.postgres.create_database(f"readme_{app}_{secrets.token_hex(4)}")
        settings = folder / "site_" / "settings.py"
        own = DATABASE.format(database=self.url)
        dictionary = "OUTBOX" if app == "shop" else "INBOX"
        prefix = f'{dictionary}["TOPIC_PREFIX"] = {self.prefix!r}\n'  # others use this broker, too
        settings.write_text(settings.read_text() + self._code("settings.py", blocks, stack) + own + prefix)
        for path, code in blocks:
            if path.startswith(f"{app}/"):
                (folder / path).write_text(code)

    @staticmethod
    def _code(path: str, blocks: list[tuple[str, str]], stack: devstack.Stack) -> str:
        code = next(code for name, code in blocks if name == path)
        assert "localhost:9092" in code
        assert "django.db.backends.postgresql" in code
        return code.replace("localhost:9092", stack.kafka_bootstrap)

    def _django(self, *arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "django", *arguments], cwd=self.folder, check=True)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        environ = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=self.folder, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def manage(self, *arguments: str) -> tuple[int, str]:
        """The exit code and what was printed."""
        process = self.start(*arguments)
        printed, _ = process.communicate(timeout=60)
        return process.returncode, printed


@pytest.fixture
def projects(tmp_path: Path, services: devstack.Stack) -> tuple[Project, Project]:
    assert [path for path, _ in BLOCKS] == [
        "settings.py",
        "shop/models.py",
        "shop/events.py",
        "shop/receivers.py",
        "settings.py",
        "crm/models.py",
        "crm/handlers.py",
    ]
    return (
        Project(tmp_path / "shop", "shop", services, BLOCKS[:4]),
        Project(tmp_path / "crm", "crm", services, BLOCKS[4:]),
    )


def test_the_example_works_as_written(projects: tuple[Project, Project]) -> None:
    for project in projects:
        assert project.manage("makemigrations", project.app)[0] == 0
        code, printed = project.manage("migrate")
        assert code == 0, printed
        code, printed = project.manage("check", "--database", "default")
        assert (code, printed) == (0, NO_ISSUES)
    shop, crm = projects
    code, printed = shop.manage(*TOPICS.split())
    assert code == 0, printed
    place = "from shop.models import Order; Order.objects.create(total='9.99')"
    assert shop.manage("shell", "-c", place)[0] == 0
    relay, consumer = shop.start("run_relay"), crm.start("run_consumer", "crm")
    try:
        wait_until(lambda: purchases(crm.url) == ["9.99"], 60, "the order in the CRM")
        assert shop.manage("outbox_status")[0] == 0
    finally:
        relay.terminate()
        consumer.terminate()
        ends = [process.communicate(timeout=60)[0] for process in (relay, consumer)]
    assert [relay.returncode, consumer.returncode] == [0, 0], ends
    assert not re.findall(r"WARNING|ERROR|CRITICAL|Warning:", "".join(ends)), ends


def purchases(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [str(total) for (total,) in connection.execute("SELECT total FROM crm_purchase")]


def test_its_links_lead_to_files() -> None:
    links = {target.partition("#")[0] for target in re.findall(r"\]\((?!https?:|#)([^)\s]+)\)", README)}
    assert len(links) > 20
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_it_leads_to_every_how_to_page() -> None:
    pages = {f"docs/how-to/{page.name}" for page in (ROOT / "docs" / "how-to").glob("*.md")}
    assert [page for page in pages if page not in README] == []
