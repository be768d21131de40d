"""Which engine build a Python interpreter of this machine brings, pinned by its files' digest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from device_agents.local.facts import ENGINE_PACKAGES
from harness.errors import CapabilityMissing, UserError

_TIMEOUT_S = 60.0

#: Run by the interpreter that is asked about: it has its own packages, and none of ours.
_LOOK = """
import hashlib, importlib.metadata, json, sys
for package in sys.argv[1:]:
    try:
        found = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        continue
    names = sorted((str(n), n) for n in found.files or () if n.suffix in (".so", ".py", ".dylib"))
    total = hashlib.sha256(sys.version.encode())
    for name, file in names:
        total.update(name.encode())
        total.update(file.locate().read_bytes())
    print(json.dumps([package, found.version, total.hexdigest()]))
    break
"""


def find_build(engine: str, interpreter: Path | None = None) -> str:
    """``ai-edge-litert 2.1.0, sha256 0123456789abcdef`` of an interpreter, ours without one.

    The digest is over Python's version and every library and module of the engine's package: two
    environments with the same builds have equal ones. Nothing is imported. Raises CapabilityMissing
    where the engine is not there, UserError for an interpreter that does not run.
    """
    who = interpreter or Path(sys.executable)
    packages = ENGINE_PACKAGES[engine]
    try:
        done = subprocess.run(
            [str(who), "-P", "-c", _LOOK, *packages],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UserError(
            f"{who} is no Python interpreter of version 3.11 or later: {error}"
        ) from None
    if not done.stdout:
        raise CapabilityMissing(
            "local", f"{who} has no {engine}; install {packages[0]} for it, or name another python"
        )
    package, version, digest = json.loads(done.stdout)
    return f"{package} {version}, sha256 {digest[:16]}"
