"""Reads the mails that Django's file backend wrote."""

from __future__ import annotations

import re
from email.parser import BytesParser
from email.utils import getaddresses
from pathlib import Path

BETWEEN_MAILS = re.compile(rb"^-{79}\n", re.MULTILINE)


def read_recipients(folder: Path) -> list[str]:
    """The address of each mail, once for each mail. A file holds one mail or several."""
    recipients: list[str] = []
    for path in sorted(folder.glob("*.log")):
        for mail in BETWEEN_MAILS.split(path.read_bytes()):
            if mail.strip():
                headers = BytesParser().parsebytes(mail, headersonly=True)
                recipients += [address for _, address in getaddresses(headers.get_all("To", []))]
    return recipients
