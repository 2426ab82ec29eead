"""Counting the mails of a demo."""

from __future__ import annotations

from pathlib import Path

from django.core.mail import EmailMessage
from django.core.mail.backends.filebased import EmailBackend

from demo.reconcile.mailbox import read_recipients


def test_each_mail_counts_also_where_several_share_a_file(tmp_path: Path) -> None:
    backend = EmailBackend(file_path=str(tmp_path))
    with backend:
        backend.send_messages(
            [EmailMessage("Hi", "-" * 20, to=["ada@example.com"]), EmailMessage(to=["bob@example.com"])]
        )
    (tmp_path / "another.log").write_bytes(
        EmailMessage("Hi", "again", to=["Ada <ada@example.com>"]).message().as_bytes()
    )
    assert sorted(read_recipients(tmp_path)) == ["ada@example.com", "ada@example.com", "bob@example.com"]


def test_a_folder_that_was_never_made_holds_no_mails(tmp_path: Path) -> None:
    assert read_recipients(tmp_path / "none") == []
