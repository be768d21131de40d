"""``make bench``: every figure the project claims about itself, one after the other.

Wants a quiet machine. Each module prints its own figures; none of them is a pass or a fail.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run every benchmark of this folder in a process of its own."""
    failed = []
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        print(f"\n=== {path.stem}", flush=True)
        if subprocess.run(
            [sys.executable, "-m", f"tests.benchmarks.{path.stem}"], check=False
        ).returncode:
            failed.append(path.stem)
    if failed:
        print(f"\ncould not be measured: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
