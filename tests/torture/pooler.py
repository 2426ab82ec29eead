"""PgBouncer in transaction mode, between everybody and PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from pathlib import Path

from devstack import ports
from devstack.account import unprivileged
from devstack.errors import Unavailable
from devstack.process import Process, remove_folder, temporary_folder

PLACES = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
REACH_SECONDS = 15.0
CONFIG = """
[databases]
* = host=127.0.0.1 port={upstream} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 40
max_client_conn = 200
server_login_retry = 1
server_connect_timeout = 3
log_connections = 0
log_disconnections = 0
"""


class Pooler:
    """PgBouncer in front of port ``upstream``. Raises Unavailable where it is not installed."""

    def __init__(self, upstream: int) -> None:
        program = shutil.which("pgbouncer", path=PLACES)
        if program is None:
            raise Unavailable("PgBouncer is not installed: apt-get install pgbouncer")
        self._reserved = ports.reserve()
        self._folder = temporary_folder("pgbouncer")
        configuration = self._folder / "pgbouncer.ini"
        configuration.write_text(CONFIG.format(upstream=upstream, port=self.port))
        self._process = Process(
            "PgBouncer",
            [program, str(configuration)],
            log=Path(self._folder, "pgbouncer.log"),
            account=unprivileged(),
            last_signal=signal.SIGKILL,
        )
        self._process.await_answer(self._answers, timeout=REACH_SECONDS)

    @property
    def port(self) -> int:
        return self._reserved.number

    def close(self) -> None:
        self._process.kill()
        self._reserved.release()
        remove_folder(self._folder)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
