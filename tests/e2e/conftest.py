"""The command line as a user calls it: a real process, real engines, this machine as the device."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model cache for the session, so that the built-in family is built once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def environment(tmp_path: Path, model_cache: Path) -> dict[str, str]:
    """Own results and leases for each test, a common model cache."""
    return os.environ | {
        "BENCHFARM_RESULTS": str(tmp_path / "results"),
        "BENCHFARM_LEASES": str(tmp_path / "leases"),
        "BENCHFARM_CACHE": str(model_cache),
        "COLUMNS": "200",
    }


@pytest.fixture
def benchfarm(environment: dict[str, str], tmp_path: Path) -> Command:
    """Call ``benchfarm`` and get its exit code and output."""

    def call(*words: object, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command_line(words),
            env=environment | changes,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return call


@pytest.fixture
def start_benchfarm(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., object]]:
    """Start ``benchfarm`` in the background, in a process group of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command_line(words),
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def command_line(words: tuple[object, ...]) -> list[str]:
    """The interpreter of the tests running the command."""
    return [sys.executable, "-m", "harness.cli", *map(str, words)]


@pytest.fixture
def write_scenario(tmp_path: Path, shared_models: Path) -> Callable[..., Path]:
    """A small scenario over a real model; keywords become top-level keys (JSON is YAML)."""
    import json

    def write(**keys: object) -> Path:
        document: dict[str, object] = {
            "schema": 1,
            "models": [{"path": str(shared_models / "kws_ref_model.tflite")}],
            "blocks": [{"engine": "tflite"}],
            "loads": [{"kind": "burst", "inferences": 20}],
            "repeats": 1,
        }
        path = tmp_path / "scenario.yaml"
        path.write_text(json.dumps(document | keys), "utf-8")
        return path

    return write
