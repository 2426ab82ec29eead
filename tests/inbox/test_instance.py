"""``run_consumer --instance`` is the name that Kafka knows the process by."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command

from inbox.management.commands import run_consumer


class Asked(Exception):
    """The options that a source was made with."""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "expected"), [([], None), (["--instance", "crm-0"], "crm-0")], ids=["without", "with"]
)
def test_instance_is_the_static_member(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: str | None
) -> None:
    def source(_: str, *, options: dict[str, Any], **__: Any) -> None:
        raise Asked(options.get("group_instance_id"))

    monkeypatch.setattr(run_consumer, "KafkaSource", source)
    monkeypatch.setattr("outbox_core.process.stopping.StopSignals.install", lambda *_, **__: None)
    with pytest.raises(Asked) as asked:
        call_command("run_consumer", "crm", *arguments)
    assert asked.value.args == (expected,)
