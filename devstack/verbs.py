"""What each verb of ``python -m devstack`` does; each returns its exit code."""

from __future__ import annotations

import contextlib
import shlex
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

from devstack import command
from devstack.console import announce
from devstack.errors import DevstackError
from devstack.kafka import metadata
from devstack.keeping import Keeping, State
from devstack.postgres.external import External
from devstack.stack import start


def run(options: Namespace) -> int:
    with start(brokers=options.brokers, postgres=options.postgres, kafka=options.kafka) as stack:
        return command.run(options.command, stack.environ())


def up(options: Namespace) -> int:
    keeping = Keeping(Path.cwd())
    state = keeping.state()
    if state is None:
        state = _await_ready(keeping, keeping.spawn(options.services))
    else:
        announce("services are kept here already")
    for name, value in state.environ.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def keep(options: Namespace) -> int:
    keeping = Keeping(Path.cwd())
    with (
        keeping.hold(),
        start(brokers=options.brokers, postgres=options.postgres, kafka=options.kafka) as stack,
    ):
        keeping.write(stack.environ())
        while True:
            signal.pause()


def down(_options: Namespace) -> int:
    keeping = Keeping(Path.cwd())
    state = keeping.state()
    if state is None:
        announce(f"nothing is kept here ({keeping.folder})")
    else:
        keeping.end(state)
        announce("stopped")
    return 0


def status(_options: Namespace) -> int:
    keeping = Keeping(Path.cwd())
    state = keeping.state()
    if state is None or not state.is_ready:
        print("not running" if state is None else "starting")
        return 1
    answers = {name: _answers(name, value) for name, value in state.environ.items()}
    for name, value in state.environ.items():
        print(f"{name}={value} {'answers' if answers[name] else f'DOES NOT ANSWER, see {keeping.log}'}")
    return 0 if all(answers.values()) else 1


def _answers(name: str, value: str) -> bool:
    return External(value).answers() if name == "DATABASE_URL" else metadata.brokers(value) > 0


def _await_ready(keeping: Keeping, keeper: subprocess.Popen[bytes]) -> State:
    """Show what the keeper says until its services answer."""
    with open(keeping.log) as log:
        try:
            while keeper.poll() is None:
                sys.stderr.write(log.read())
                state = keeping.state()
                if state is not None and state.is_ready:
                    sys.stderr.write(log.read())
                    keeper.returncode = 0  # it lives on, without us waiting for it
                    return state
                time.sleep(0.1)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                keeper.terminate()
            raise
        said = log.read()
    raise DevstackError(said.strip().removeprefix("devstack: ") or f"the keeper ended, see {keeping.log}")
