"""A lease folder of its own for every test, and child processes that hold leases."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_HOLD = """
import sys
from harness.fleet.lease import Lease
lease = Lease.acquire(sys.argv[1], sys.argv[2])
{more}
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def lease_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the leases, inherited by child processes."""
    folder = tmp_path / "leases"
    monkeypatch.setenv("BENCHFARM_LEASES", str(folder))
    return folder


@pytest.fixture
def hold_elsewhere() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a process that holds a lease until it is killed or its input is closed."""
    started: list[subprocess.Popen[str]] = []

    def start(device_id: str, purpose: str, more: str = "") -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", _HOLD.format(more=more), device_id, purpose],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()
