"""Break the guard, see it red: ``python -m tests.torture.guards`` removes each guard and runs
the test that must fail then. Exit code 0 only if every one of them does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from tests.torture.fleet import ROOT
from tests.torture.guarded import GUARDS


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser("tests.torture.guards", description=__doc__)
    parser.add_argument("--only", metavar="WORD", default="", help="guards with this in their name")
    options = parser.parse_args()
    guards = [guard for guard in GUARDS if options.only in guard.name]
    whole = run(*sorted({guard.test for guard in guards}))
    if whole.returncode:
        print(f"With every guard in place these tests do not pass:\n{whole.stdout}")
        return 1
    unguarded = 0
    for guard in guards:
        broken = run("-p", "tests.torture.sabotage", guard.test, TORTURE_SABOTAGE=guard.name)
        red = broken.returncode == 1 and "failed" in broken.stdout
        unguarded += not red
        print(f"{'red  ' if red else 'GREEN'}  without {guard.name:<46} {guard.test}", flush=True)
        if not red:
            print(broken.stdout[-2000:], broken.stderr[-1000:])
    print(f"{len(guards)} guards, {unguarded} of them held by no test")
    return 1 if unguarded else 0


if __name__ == "__main__":
    sys.exit(main())
