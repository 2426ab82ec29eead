"""PostgreSQL clusters of several versions, and databases that move from one to the other."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg
from django.core.management import call_command
from django.db import connection

from devstack.postgres import Cluster
from devstack.postgres.binaries import Binaries
from outbox.models import OutboxEvent

DEBIAN = Path("/usr/lib/postgresql")


def oldest() -> Binaries | None:
    """The oldest PostgreSQL from 14 on that Debian's packages have put here."""
    found = sorted(int(folder.name) for folder in DEBIAN.glob("[0-9]*") if (folder / "bin/initdb").exists())
    majors = [major for major in found if major >= 14]
    return Binaries(DEBIAN / str(majors[0]) / "bin", str(majors[0])) if majors else None


@contextmanager
def cluster(binaries: Binaries | None = None, **config: str) -> Iterator[Cluster]:
    """A running cluster, of the newest PostgreSQL unless ``binaries`` says otherwise."""
    new = Cluster(config={"fsync": "off", **config})
    if binaries is not None:
        new.binaries = binaries
    try:
        new.start()
        yield new
    finally:
        new.close()


class Place(NamedTuple):
    """A database of a cluster."""

    server: Cluster
    name: str

    @property
    def url(self) -> str:
        return self.server.url(self.name)

    @contextmanager
    def is_default(self, *, user: str = "postgres", port: int = 0, **options: object) -> Iterator[None]:
        """Within this, it is Django's default database; ``options`` are its OPTIONS."""
        settings = connection.settings_dict
        kept = dict(settings)
        connection.close()
        settings |= {"HOST": "127.0.0.1", "PORT": port or self.server.port, "NAME": self.name}
        settings |= {"USER": user, "PASSWORD": "", "OPTIONS": options}
        try:
            yield
        finally:
            connection.close()
            settings |= kept

    def migrate(self) -> None:
        """Make the database, with the outbox's tables."""
        self.server.create_database(self.name)
        with self.is_default():
            call_command("migrate", "outbox", verbosity=0)
            OutboxEvent.objects.all().delete()  # the shop's own

    def execute(self, *statements: str) -> None:
        """Run statements as superuser, each in a transaction of its own."""
        with psycopg.connect(self.url, autocommit=True) as own:
            for statement in statements:
                own.execute(statement)

    def dump(self, *arguments: str) -> str:
        return self._program("pg_dump", "--no-owner", *arguments)

    def restore(self, text: str) -> None:
        self.server.create_database(self.name)
        self._program("psql", "--quiet", "--set=ON_ERROR_STOP=1", given=text)

    def burn(self, count: int) -> None:
        """Consume transaction ids, as other work does."""
        with psycopg.connect(self.url, autocommit=True) as own:
            own.execute(
                f"DO $$ BEGIN FOR i IN 1..{count} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
            )

    def copy_to(self, target: Place, tables: Iterable[str]) -> None:
        """COPY tables, one after the other, each in a transaction of its own."""
        with psycopg.connect(self.url) as one, psycopg.connect(target.url, autocommit=True) as two:
            for table in tables:
                with (
                    one.cursor().copy(f"COPY {table} TO STDOUT") as out,
                    two.cursor().copy(f"COPY {table} FROM STDIN") as into,
                ):
                    for data in out:
                        into.write(data)

    def _program(self, program: str, *arguments: str, given: str = "") -> str:
        command = [self.server.binaries.program(program), *arguments, "--dbname", self.url]
        run = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        return run.stdout


def upgraded(old: Cluster, new: Cluster) -> None:
    """Run pg_upgrade from a stopped cluster into one that is not initialised yet."""
    checksums = ["--no-data-checksums"] if int(new.binaries.version.split(".")[0]) >= 18 else []
    new._make_data_folder()
    new._run(
        "initdb", "-D", str(new.data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C",
        "--no-sync", *checksums,
    )  # fmt: skip
    work = new.folder / "upgrade"
    work.mkdir()
    identity = new._account.identity() if new._account else {}
    # The path of a socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as sockets:
        if new._account:
            os.chown(work, new._account.uid, new._account.gid)
            os.chown(sockets, new._account.uid, new._account.gid)
        run = subprocess.run(
            [
                new.binaries.program("pg_upgrade"), "--username", "postgres", "--socketdir", sockets,
                "--old-bindir", str(old.binaries.folder), "--new-bindir", str(new.binaries.folder),
                "--old-datadir", str(old.data), "--new-datadir", str(new.data),
                "--old-port", str(old.port), "--new-port", str(new.port),
            ],
            capture_output=True, text=True, check=False, cwd=work, **identity,
        )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
