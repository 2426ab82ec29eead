"""PostgreSQL and Kafka on a machine that has neither, for the demo, the tests and the benchmarks.

with devstack.start() as stack:
    subprocess.run([...], env={**os.environ, **stack.environ()})
"""

from __future__ import annotations

from devstack.errors import DevstackError
from devstack.stack import Stack, start

__all__ = ["DevstackError", "Stack", "start"]
