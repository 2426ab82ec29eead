"""The same event, handled in four ways."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

import inbox

INSERT = "INSERT INTO effect (number) VALUES (%s)"
INSERT_MANY = "INSERT INTO effect (number) SELECT unnest(%s::int[])"


@dataclass(frozen=True)
class Happened:
    number: int
    text: str


@inbox.handler("bench.counted")
def count(happened: Happened) -> None:
    """Does nothing: what the inbox itself takes."""


@inbox.handler("bench.listed", batch=True)
def write_list(happened: list[Happened]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(INSERT_MANY, [[each.number for each in happened]])


class Effects(inbox.Batch):
    """The rows of a transaction."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def write(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(INSERT_MANY, [self.numbers])


@inbox.handler("bench.gathered")
def gather(happened: Happened) -> None:
    Effects.current().numbers.append(happened.number)


@inbox.handler("bench.inserted")
def insert(happened: Happened) -> None:
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [happened.number])
