"""Kafka's classes as the JVM can map them: an archive that halves the time and the work of every start."""

from __future__ import annotations

from pathlib import Path

from devstack import cache
from devstack.console import announce
from devstack.kafka import jars, java
from devstack.kafka.launcher import LOADED, Launcher
from devstack.kafka.topics import create_topics


def launcher() -> Launcher:
    """The launcher of this machine, made ready once; Unavailable without Java or Maven."""
    virtual_machine, libraries = java.find(), jars.brought()
    plain = Launcher(virtual_machine, libraries)
    name = f"kafka-{jars.VERSION}-classes-java-{virtual_machine.version}"
    archive = cache.kept(cache.folder() / name, lambda folder: _train(plain, folder)) / "broker.jsa"
    # A JVM without this ability has written none, and does without.
    return (
        Launcher(virtual_machine, libraries, (f"-XX:SharedArchiveFile={archive}",))
        if archive.exists()
        else plain
    )


def loaded() -> Launcher:
    """For a broker under load, as in a benchmark. Raises Unavailable as ``launcher`` does."""
    return Launcher(java.find(), jars.brought(), sized=LOADED)


def _train(plain: Launcher, folder: Path) -> None:
    """Let a broker live once and, as it ends, write down the classes that it has loaded."""
    from devstack.kafka.cluster import Cluster

    announce("preparing Kafka for quick starts (once)")
    recording = Launcher(plain.java, plain.jars, (f"-XX:ArchiveClassesAtExit={folder / 'broker.jsa'}",))
    with Cluster(launcher=recording) as cluster:
        create_topics(cluster.bootstrap_servers, {"training": 1})
        cluster.stop()
