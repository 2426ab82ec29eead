"""How a JVM of Apache Kafka is started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from devstack.kafka.java import Java

LOG4J = Path(__file__).with_name("log4j2.properties")
OPTIONS = (
    "-Xmx384m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
)


@dataclass(frozen=True, slots=True)
class Launcher:
    """A Java, the jars of Kafka, and options of this launcher's own."""

    java: Java
    jars: Path
    options: tuple[str, ...] = ()

    def command(self, main: str, *arguments: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={LOG4J}"
        classpath = ("-cp", f"{self.jars}/*")
        return [self.java.program, *OPTIONS, *self.options, logging, *classpath, main, *arguments]
