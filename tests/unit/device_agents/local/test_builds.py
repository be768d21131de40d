"""What an interpreter brings of an engine, pinned by digest."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from device_agents.local.builds import find_build
from harness.errors import CapabilityMissing, UserError


@pytest.fixture
def environment(tmp_path: Path):
    """An interpreter with a made-up engine package; Python itself is ours."""

    def make(name: str, version: str, code: bytes) -> Path:
        folder = tmp_path / name
        about = folder / f"onnxruntime-{version}.dist-info"
        about.mkdir(parents=True)
        (folder / "engine.so").write_bytes(code)
        (about / "METADATA").write_text(f"Name: onnxruntime\nVersion: {version}\n")
        (about / "RECORD").write_text(f"engine.so,,\n{about.name}/METADATA,,\n")
        python = folder / "python"
        python.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec {sys.executable} -S "$@"\n')
        python.chmod(0o755)
        return python

    return make


def test_version_and_digest(environment):
    first = find_build("onnxruntime", environment("one", "9.1", b"code"))
    assert first.startswith("onnxruntime 9.1, sha256 ")
    assert find_build("onnxruntime", environment("two", "9.1", b"code")) == first
    assert find_build("onnxruntime", environment("three", "9.1", b"edited")) != first


def test_our_own_interpreter_is_the_default():
    assert find_build("onnxruntime") == find_build("onnxruntime", Path(sys.executable))


def test_an_engine_that_is_not_there(environment):
    python = environment("one", "9.1", b"code")
    with pytest.raises(CapabilityMissing, match="has no tflite; install ai-edge-litert for it"):
        find_build("tflite", python)


@pytest.mark.parametrize("program", ["/bin/false", "/nowhere/python", "/etc/passwd"])
def test_what_is_no_interpreter(program):
    with pytest.raises(UserError, match=f"{program} is no Python interpreter"):
        find_build("tflite", Path(program))
