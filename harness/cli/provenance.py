"""Which harness measured: version, and the git commit of the checkout it runs from."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import harness


def harness_facts() -> dict[str, str]:
    """``version``, ``host_cores`` of the lab machine, and ``commit`` and ``dirty`` when the
    package lies in a git checkout.
    """
    facts = {"version": harness.__version__, "host_cores": str(os.cpu_count() or 0)}
    root = Path(harness.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return facts
    commit = _git(root, "rev-parse", "HEAD")
    if commit is not None:
        facts["commit"] = commit
        status = _git(root, "status", "--porcelain", "--untracked-files=no")
        if status is not None:
            facts["dirty"] = "yes" if status else "no"
    return facts


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
