"""How a JVM of Apache Kafka is started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from devstack.kafka.java import Java

LOG4J = Path(__file__).with_name("log4j2.properties")
QUIET = ("-Xlog:disable", "-Xlog:all=error:stderr")
QUICK = ("-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Starts soon and takes little."""
LOADED = ("-Xms1g", "-Xmx1g")
"""As a broker under load: with the whole compiler, and the JVM's own choice of the collector."""


@dataclass(frozen=True, slots=True)
class Launcher:
    """A Java, the jars of Kafka, and options of this launcher's own. ``sized`` chooses heap and compiler."""

    java: Java
    jars: Path
    options: tuple[str, ...] = ()
    sized: tuple[str, ...] = QUICK

    def command(self, main: str, *arguments: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={LOG4J}"
        classpath = ("-cp", f"{self.jars}/*")
        options = (*self.sized, *QUIET, *self.options)
        return [self.java.program, *options, logging, *classpath, main, *arguments]
