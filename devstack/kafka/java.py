"""The Java that runs Kafka."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import Unavailable

OLDEST = 17


@dataclass(frozen=True, slots=True)
class Java:
    program: str
    version: str


def find() -> Java:
    """Java of JAVA_HOME, or else of the PATH; Unavailable where it is missing or too old for Kafka 4."""
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if program is None:
        raise Unavailable("no Java is on the PATH, and JAVA_HOME is not set")
    try:
        run = subprocess.run([program, "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"Java does not run: {error}") from error
    found = re.search(r'version "((\d+)[^"]*)"', run.stderr)
    if found is None or int(found[2]) < OLDEST:
        raise Unavailable(
            f"Apache Kafka needs Java {OLDEST} or later; {program} is {run.stderr.splitlines()[0]}"
        )
    return Java(program, found[1])
