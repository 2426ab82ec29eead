"""Runs the shop's web server."""

from __future__ import annotations

import socket
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing

from demo.errors import PortTaken
from demo.patience import Patience
from demo.processes import Processes

HOST = "127.0.0.1"
USUAL_PORT = 8000
TICK = 0.1


def choose_port(wanted: int | None) -> int:
    """The requested port, or PortTaken. Without a request the usual port, or any free one."""
    if wanted is not None:
        if not _is_free(wanted):
            raise PortTaken(
                f"Port {wanted} of {HOST} is taken, or may not be used by you. Stop what listens there "
                f"(ss -ltnp 'sport = :{wanted}' shows it), name another (--port {wanted + 1}) or none."
            )
        return wanted
    return USUAL_PORT if _is_free(USUAL_PORT) else _any_free()


def open_storefront(processes: Processes, port: int) -> str:
    """Start the web server and return its URL once it answers."""
    gunicorn = [sys.executable, "-m", "gunicorn", "shop.wsgi", "--bind", f"{HOST}:{port}", "--threads", "8"]
    server = processes.start("storefront", gunicorn, lasting=True, DJANGO_SETTINGS_MODULE="shop.settings")
    url = f"http://{HOST}:{port}/"
    patience = Patience("The start of the storefront", [server])
    while not _answers(url + "healthz"):
        processes.check()
        patience.see(None)
        time.sleep(TICK)
    return url


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return False
    return True


def _any_free() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False
