"""Starts one job of ``harness.models.convert`` in a process of its own and explains failures."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import CatalogueError

#: With less no builder can even say what went wrong.
_LEAST_FREE_BYTES = 64 * 1024
_TIMEOUT_S = 1800  #: a build takes seconds; this only ends one that hangs


def run_build(
    label: str, recipe: dict[str, object], target: Path, workspace: Path
) -> dict[str, Any]:
    """Write ``target`` from ``recipe``; returns the builder's part of the manifest.

    Everything temporary lies in ``workspace``. Raises :class:`CatalogueError` in one line.
    """
    job = {"kind": "build", "recipe": recipe, "target": str(target)}
    return run_job(f"building {label}", job, workspace)


def run_job(what: str, job: Mapping[str, Any], workspace: Path) -> dict[str, Any]:
    """Do one job; returns its answer. Raises :class:`CatalogueError`: ``what`` failed, and why."""
    result_path, log_path = workspace / "result.json", workspace / "build.log"
    result_path.unlink(missing_ok=True)
    job_path = workspace / "job.json"
    job_path.write_text(
        json.dumps({**job, "result": str(result_path), "workspace": str(workspace)}),
        encoding="utf-8",
    )
    returncode = _run(job_path, log_path)
    result = _result(result_path)
    if returncode == 0 and "manifest" in result:
        manifest: dict[str, Any] = result["manifest"]
        return manifest
    raise CatalogueError(f"{what} failed: {_reason(result, returncode, log_path)}")


def _result(path: Path) -> dict[str, Any]:
    """What the builder wrote; nothing where it could not."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _run(job_path: Path, log_path: Path) -> int | None:
    """The builder's exit code, None when it had to be stopped."""
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "0",  # converters that walk over sets must walk the same way each time
        "OPENBLAS_NUM_THREADS": "1",  # so that no sum depends on the number of cores
        "ORT_DISABLE_TELEMETRY": "1",  # it would keep a database, and tell its maker what is built
        "TMPDIR": str(job_path.parent),
    }
    command = [sys.executable, "-P", "-m", "harness.models.convert", str(job_path)]
    with log_path.open("wb") as log:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None
    return done.returncode


def _reason(result: dict[str, Any], returncode: int | None, log_path: Path) -> str:
    module = result.get("missing_module")
    if module:
        extra = "coreml" if module == "coremltools" else "models"
        return f"the module {module} is missing; install it with pip install 'benchfarm[{extra}]'"
    if "error" in result:
        return str(result["error"])
    if shutil.disk_usage(log_path.parent).free < _LEAST_FREE_BYTES:
        return f"no room is left in {log_path.parent}; make some or set BENCHFARM_CACHE"
    if returncode is None:
        return f"the builder was stopped after {_TIMEOUT_S} s"
    how = _signal_name(returncode) if returncode < 0 else f"exit code {returncode}"
    said = log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    last = f"; it last said: {said[0][:300]}" if said else ""
    return f"the builder ended with {how}{last}"


def _signal_name(returncode: int) -> str:
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"
