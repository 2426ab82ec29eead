"""Certificates of an authority of our own, and a server that shows one of them."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest


class Certificate(NamedTuple):
    """The files of a certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates with openssl, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.file = folder / "ca.pem"
        self._key = folder / "ca.key"
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", self._key, "-out", self.file, "-days", "9", "-subj", "/CN=Test authority",
        )  # fmt: skip

    def issue(self, *names: str, days: int = 30) -> Certificate:
        """For these names (``DNS:x``, ``IP:x``). With ``days`` below zero it has expired."""
        stem = f"{'-'.join(names)}{days}".replace(":", "_")
        made = Certificate(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        request, extensions = self._folder / f"{stem}.csr", self._folder / f"{stem}.ext"
        extensions.write_text(f"subjectAltName={','.join(names)}")
        self._openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", made.key, "-out", request, "-subj", "/CN=broker",
        )  # fmt: skip
        self._openssl(
            "x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self._key, "-CAcreateserial",
            "-days", str(days), "-extfile", extensions, "-out", made.certificate,
        )  # fmt: skip
        return made

    def _openssl(self, *arguments: object) -> None:
        command = ["openssl", *map(str, arguments)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    return Authority(tmp_path_factory.mktemp("ca"))


@contextmanager
def showing(certificate: Certificate) -> Iterator[int]:
    """The port of a TLS server that shows this certificate and says nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer, args=[server, context], daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _answer(server: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError):
        while True:
            wire, _ = server.accept()
            with suppress(OSError), wire, context.wrap_socket(wire, server_side=True) as secured:
                secured.recv(1)
