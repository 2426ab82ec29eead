"""Jars, such as Apache Kafka's: brought once by Maven, then kept."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from devstack import cache
from devstack.console import announce
from devstack.errors import Unavailable

VERSION = "4.1.1"
DOWNLOADED = re.compile(r"Downloaded from .*\.jar \(([\d.]+) ([kM]?)B")


@dataclass(frozen=True, slots=True)
class Bundle:
    """The jars of a version of ``product``. The pom is beside the module ``of``. ``sign`` is a file among the
    jars, and ``name`` begins the name of their folder.
    """

    product: str
    version: str
    sign: str
    name: str
    of: str
    megabytes: int

    @property
    def title(self) -> str:
        return f"{self.product} {self.version}"

    @property
    def folder(self) -> Path:
        return cache.folder() / f"{self.name}-{self.version}"

    def brought(self) -> Path:
        """The folder of the jars; brings them where it is missing. Raises Unavailable without Maven, or where
        it fails.
        """
        return cache.kept(self.folder, self._bring)

    def _bring(self, target: Path) -> None:
        maven = shutil.which("mvn")
        if maven is None:
            raise Unavailable(f"no Maven (mvn) is on the PATH to bring {self.title}")
        announce(f"bringing {self.title} with Maven ({self.megabytes} MB, once, kept in {self.folder})")
        command = [
            maven, "--batch-mode", "--file", str(Path(self.of).with_name("pom.xml")),
            "dependency:copy-dependencies", f"-DoutputDirectory={target}", "-DincludeScope=runtime",
        ]  # fmt: skip
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                end = self._follow(process)
            except BaseException:
                process.terminate()
                raise
        if process.returncode or not any(target.glob(self.sign)):
            lines = "\n".join(f"    {line}" for line in end)
            raise Unavailable(f"Maven could not bring {self.title}:\n{lines}")

    def _follow(self, process: subprocess.Popen[str]) -> list[str]:
        """Show how far Maven is; return what it said of errors, or else last."""
        assert process.stdout is not None
        last: deque[str] = deque(maxlen=10)
        total = self.megabytes
        with tqdm(
            total=total, unit=" MB", bar_format=_BAR, disable=not sys.stderr.isatty(), leave=False
        ) as bar:
            for line in process.stdout:
                last.append(line.rstrip())
                if found := DOWNLOADED.search(line):
                    megabytes = float(found[1]) / {"": 1e6, "k": 1e3, "M": 1}[found[2]]
                    bar.update(min(megabytes, total - bar.n))
        return [line for line in last if line.startswith("[ERROR]")] or list(last)


_BAR = "{l_bar}{bar}| {n:.0f} of {total:.0f} MB"

KAFKA = Bundle("Apache Kafka", VERSION, "kafka_2.13-*.jar", name="kafka", of=__file__, megabytes=43)


def brought() -> Path:
    """The folder of Kafka's jars. Raises Unavailable as ``Bundle.brought`` does."""
    return KAFKA.brought()
