"""Fixtures for every test: the shared folder of real models and phone outputs, where present."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_configure(config):
    """Whatever processes that are killed leave in the temporary folder goes when the tests end."""
    if hasattr(config, "workerinput"):
        return  # workers inherit the folder
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # for tests that run ONNX Runtime themselves
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())  # those of tests are kept
    folder = tempfile.mkdtemp(prefix="bf-")  # short: sockets' paths have 107 characters
    Path(folder).chmod(0o1777)  # simulated phones have users of their own
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def _shared(name: str) -> Path:
    folder = _SHARED / name
    if not folder.is_dir():
        pytest.skip(f"needs ../shared/{name} beside the checkout")
    return folder


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder of small real models (see its MANIFEST.tsv)."""
    return _shared("models")


@pytest.fixture(scope="session")
def phone_outputs() -> Path:
    """The folder of recorded outputs of real phones (see its INDEX.tsv)."""
    return _shared("phone_outputs")
