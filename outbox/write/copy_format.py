"""New rows in the binary format of COPY. Pure.

PostgreSQL docs, COPY, "Binary Format": each row is the number of its columns, then each column as its length
in bytes and its value; length -1 is NULL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outbox.write.row import NewRow

ROWS = 200
"""How many rows one piece has. PostgreSQL reads it while the next one is encoded."""
COLUMNS = 10

_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_END = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_BUCKET = Struct("!hih").pack
_LENGTH = Struct("!i").pack
_UUID_LENGTH = _LENGTH(16)
_JSONB_VERSION = b"\x01"


def in_pieces(new_rows: Sequence[NewRow]) -> Iterator[bytes]:
    """The data of COPY_EVENTS, whose columns are those of INSERT_EVENT."""
    yield _HEADER
    texts = _Texts()
    for start in range(0, len(new_rows), ROWS):
        yield b"".join([part for row in new_rows[start : start + ROWS] for part in _parts(row, texts)])
    yield _END


class _Texts(dict[str | None, bytes]):
    """Encoded texts that many rows share."""

    def __missing__(self, text: str | None) -> bytes:
        made = self[text] = _NULL if text is None else _value(text.encode())
        return made


def _parts(row: NewRow, texts: _Texts) -> tuple[bytes, ...]:
    return (
        _BUCKET(COLUMNS, 2, row.bucket),
        texts[row.topic],
        _value(row.key.encode()),
        texts[row.type],
        _NULL if row.subject is None else _value(row.subject.encode()),
        _UUID_LENGTH,
        row.event_id.bytes,
        _NULL if row.payload is None else _value(row.payload),
        _value(_JSONB_VERSION + row.headers.encode()),
        texts[row.source],
        texts["application/json"],
    )


def _value(of: bytes) -> bytes:
    return _LENGTH(len(of)) + of
