"""PostgreSQL as a process with a temporary data directory."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from typing import Literal, Self

import psycopg

from devstack import ports
from devstack.account import unprivileged
from devstack.errors import DevstackError
from devstack.postgres import binaries, configuration
from devstack.postgres.server import Server
from devstack.process import Process, remove_folder, temporary_folder
from devstack.processtree import descendants

StopMode = Literal["smart", "fast", "immediate"]
STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
START_TIMEOUT = 120.0


class Cluster(Server):
    """A PostgreSQL server of our own, in a temporary folder and on a port that it keeps from start to start.

    ``with Cluster(config={"fsync": "off"}) as cluster: ...`` starts it and, at the end, removes it.
    """

    def __init__(self, *, config: Mapping[str, str] | None = None) -> None:
        self.config = dict(config or {})
        self._account = unprivileged()
        self.binaries = binaries.find(self._account)
        self._port = ports.reserve()
        self.folder = temporary_folder("postgres", account=self._account)
        self.data = self.folder / "data"
        self.log = self.folder / "postgresql.log"
        self._configuration = self.folder / "postgresql.conf"
        self._process: Process | None = None

    def __str__(self) -> str:
        return f"PostgreSQL {self.binaries.version}, embedded, on 127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return self._port.number

    @property
    def database_url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        """The postmaster's."""
        return self._started().pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.is_running

    def launch(self) -> None:
        if self.is_running:
            return
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._configuration.write_text(configuration.render(self.port, self.config))
        self._configuration.chmod(0o644)  # whatever our umask is
        self._process = Process(
            str(self),
            self._command(),
            log=self.log,
            account=self._account,
            last_signal=signal.SIGQUIT,
        )

    def await_ready(self) -> None:
        self._started().await_answer(self.answers, timeout=START_TIMEOUT)

    def stop(self, mode: StopMode = "fast", *, timeout: float = 60) -> None:
        """Stop it and keep its data; ``immediate`` leaves the next start a crash recovery to do."""
        if self.is_running:
            self._started().stop(STOP_SIGNALS[mode], timeout=timeout)

    def kill(self) -> None:
        """SIGKILL the postmaster and every backend: the next start has a crash recovery to do."""
        if self.is_running:
            backends = descendants(self.pid)
            self._started().kill()
            backends.kill()

    def restart(self, mode: StopMode = "fast") -> None:
        self.stop(mode)
        self.start()

    def promote(self) -> None:
        """Make a standby the primary; returns once it takes writes."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote(wait => true, wait_seconds => 60)")

    def standby(self, *, config: Mapping[str, str] | None = None) -> Self:
        """A running asynchronous streaming standby of this server, of its configuration and ``config``."""
        standby = type(self)(config={**self.config, **(config or {})})
        standby.binaries = self.binaries
        try:
            standby.copy_from(self)
            standby.start()
        except BaseException:
            standby.close()
            raise
        return standby

    def copy_from(self, primary: Cluster) -> None:
        """Fill the data folder with a base backup that follows ``primary``."""
        source = f"host=127.0.0.1 port={primary.port} user=postgres application_name=standby_{self.port}"
        self._make_data_folder()
        self._run(
            "pg_basebackup", "--dbname", source, "--pgdata", str(self.data),
            "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync",
        )  # fmt: skip

    def close(self) -> None:
        if self.is_running:
            self.stop("immediate")
        self._port.release()
        remove_folder(self.folder)

    def _command(self) -> list[str]:
        config = f"config_file={self._configuration}"
        return [self.binaries.program("postgres"), "-D", str(self.data), "-c", config]

    def _initialise(self) -> None:
        self._make_data_folder()
        self._run(
            "initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust",
            "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions",
        )  # fmt: skip

    def _make_data_folder(self) -> None:
        self.data.mkdir(mode=0o700)
        if self._account:
            os.chown(self.data, self._account.uid, self._account.gid)

    def _run(self, name: str, *arguments: str) -> None:
        identity = self._account.identity() if self._account else {}
        run = subprocess.run(
            [self.binaries.program(name), *arguments],
            capture_output=True, text=True, check=False, cwd=self.folder, start_new_session=True, **identity,
        )  # fmt: skip
        if run.returncode:
            raise DevstackError(f"{name} failed with exit code {run.returncode}:\n{run.stderr or run.stdout}")

    def _started(self) -> Process:
        if self._process is None:
            raise DevstackError(f"{self} has not been started: call start() first")
        return self._process
