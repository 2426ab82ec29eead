"""The command line of the demo: ``python -m demo run`` and ``serve``."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import psycopg
from kafka.errors import KafkaError

from demo import run, serve
from demo.errors import DemoError
from demo.screen import Screen
from devstack import DevstackError

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 everything agrees, 1 it does not or something failed, 2 usage, 130 interrupted."""
    options = _parser().parse_args(_with_command(sys.argv[1:] if arguments is None else arguments))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    screen = Screen()
    try:
        return _command(options)(screen)
    except (DemoError, DevstackError) as error:
        screen.say(f"\n✗ {error}")
    except (psycopg.Error, KafkaError) as error:
        screen.say(
            f"\n✗ PostgreSQL or Kafka does not answer the demo itself: {type(error).__name__}: {error}"
        )
    except KeyboardInterrupt:
        screen.say("\nInterrupted: everything that was started has been stopped.")
        return INTERRUPTED
    return 1


def _command(options: argparse.Namespace) -> Callable[[Screen], int]:
    if options.command == "serve":
        return lambda screen: serve.serve(serve.Options(options.port, options.rate), screen)
    chosen = run.Options(options.all, options.limit, options.writers, options.declined)
    return lambda screen: run.run(chosen, screen)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Clean up once. A second signal must not interrupt that."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def _with_command(arguments: list[str]) -> list[str]:
    return (
        arguments if arguments and arguments[0] in {"run", "serve", "-h", "--help"} else ["run", *arguments]
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description="The whole example in one command.")
    commands: Any = parser.add_subparsers(dest="command", required=True, metavar="run | serve")
    _add_run(
        commands.add_parser(
            "run", help="replay real purchases, kill a relay, compare all services (the default)"
        )
    )
    _add_serve(commands.add_parser("serve", help="leave everything running, with a few orders"))
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--all", action="store_true", help="all 69,659 purchases instead of the sample of 6,919"
    )
    parser.add_argument("--limit", type=_whole, help="only the first so many purchases")
    parser.add_argument("--writers", type=_whole, default=2, help="processes that write at once (default: 2)")
    parser.add_argument(
        "--declined", type=_share, default=0.1, help="share of payments declined at first (default: 0.1)"
    )


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_whole, help="of the storefront (default: 8000, or a free one)")
    parser.add_argument("--rate", type=_positive, default=1.0, help="orders a second (default: 1)")


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of 1 or more")
    return int(text)


def _positive(text: str) -> float:
    number = float(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return number


def _share(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
