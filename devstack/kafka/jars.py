"""Apache Kafka's jars: brought once by Maven, then kept."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import deque
from pathlib import Path

from tqdm import tqdm

from devstack import cache
from devstack.console import announce
from devstack.errors import Unavailable

VERSION = "4.1.1"
POM = Path(__file__).with_name("pom.xml")
MEGABYTES = 43
DOWNLOADED = re.compile(r"Downloaded from .*\.jar \(([\d.]+) ([kM]?)B")


def folder() -> Path:
    return cache.folder() / f"kafka-{VERSION}"


def brought() -> Path:
    """The folder of the jars; brings them where it is missing. Raises Unavailable where Maven is or fails."""
    return cache.kept(folder(), _bring)


def _bring(target: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable("no Maven (mvn) is on the PATH to bring Apache Kafka")
    announce(f"bringing Apache Kafka {VERSION} with Maven ({MEGABYTES} MB, once, kept in {folder()})")
    command = [
        maven, "--batch-mode", "--file", str(POM), "dependency:copy-dependencies",
        f"-DoutputDirectory={target}", "-DincludeScope=runtime",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            end = _follow(process)
        except BaseException:
            process.terminate()
            raise
    if process.returncode or not any(target.glob("kafka_2.13-*.jar")):
        raise Unavailable("Maven could not bring Apache Kafka:\n" + "\n".join(f"    {line}" for line in end))


def _follow(process: subprocess.Popen[str]) -> list[str]:
    """Show how far Maven is; return what it said of errors, or else last."""
    assert process.stdout is not None
    last: deque[str] = deque(maxlen=10)
    with tqdm(
        total=MEGABYTES, unit=" MB", bar_format=_BAR, disable=not sys.stderr.isatty(), leave=False
    ) as bar:
        for line in process.stdout:
            last.append(line.rstrip())
            if found := DOWNLOADED.search(line):
                megabytes = float(found[1]) / {"": 1e6, "k": 1e3, "M": 1}[found[2]]
                bar.update(min(megabytes, MEGABYTES - bar.n))
    return [line for line in last if line.startswith("[ERROR]")] or list(last)


_BAR = "{l_bar}{bar}| {n:.0f} of {total:.0f} MB"
