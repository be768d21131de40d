"""Fixtures of the build's tests: its tool chain, where that can be had, and things to build."""

from __future__ import annotations

import struct
import zipfile

import pytest

from android_app.build import apk, artefacts, desktop, tools
from android_app.build.errors import ArtefactUnavailable, ToolMissing
from android_app.build.layout import FLAVOURS

_REASON = "the Android build needs its Debian packages and pinned artefacts"


def elf(*alignments: int, bits: int = 64) -> bytes:
    """A little-endian ELF header with one PT_LOAD segment for each alignment."""
    count = len(alignments)
    if bits == 64:
        tail = (64, 0, 0, 64, 56, count, 0, 0, 0)
        head = struct.pack("<16sHHIQQQIHHHHHH", _ident(2), 3, 183, 1, 0, *tail)
        return head + b"".join(struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 0, 0, a) for a in alignments)
    tail = (52, 0, 0, 52, 32, count, 0, 0, 0)
    head = struct.pack("<16sHHIIIIIHHHHHH", _ident(1), 3, 40, 1, 0, *tail)
    return head + b"".join(struct.pack("<8I", 1, 0, 0, 0, 0, 0, 5, a) for a in alignments)


def _ident(kind: int) -> bytes:
    return b"\x7fELF" + bytes([kind, 1, 1]) + bytes(9)


@pytest.fixture
def make_elf():
    """Makes bytes of ELF files."""
    return elf


def _or_skip(call, *arguments):
    try:
        return call(*arguments)
    except (ToolMissing, ArtefactUnavailable) as error:
        pytest.skip(f"{_REASON}: {error}")


@pytest.fixture(scope="session")
def android_artefacts():
    """The pinned artefacts of the Android build by name."""
    _or_skip(tools.require, tools.ANDROID_TOOLS)
    return _or_skip(artefacts.fetch, ("android", "tflite", "desktop"))


@pytest.fixture(scope="session")
def built(android_artefacts, tmp_path_factory):
    """The folder with an APK for arm64-v8a and the jar for app_process, built just now."""
    output = tmp_path_factory.mktemp("built")
    with apk.compiled(FLAVOURS["tflite"]) as code:
        apk.write_apk(code, "arm64-v8a", output)
        apk.write_jar(code, output)
    return output


@pytest.fixture
def ort_archive(android_artefacts, make_jar, make_elf):
    """An AAR in ONNX Runtime's shape: the desktop artefact's classes, stand-ins for libraries."""
    with zipfile.ZipFile(android_artefacts["onnxruntime"]) as given:
        names = [name for name in given.namelist() if name.endswith(".class")]
        classes = make_jar("classes.jar", {name: given.read(name) for name in names})
    entries = {"classes.jar": classes.read_bytes(), "AndroidManifest.xml": b"<manifest/>"}
    for abi, bits in (("arm64-v8a", 64), ("armeabi-v7a", 32), ("x86", 32), ("x86_64", 64)):
        for name in ("libonnxruntime.so", "libonnxruntime4j_jni.so"):
            entries[f"jni/{abi}/{name}"] = make_elf(0x4000, bits=bits)

    def make(file: str, more: dict[str, bytes] | None = None):
        return make_jar(file, entries | (more or {}))

    return make


@pytest.fixture(scope="session")
def junit():
    """The command that runs the core's JUnit tests with these properties."""
    return lambda properties: _or_skip(desktop.test_command, properties)


@pytest.fixture
def make_jar(tmp_path):
    """Writes a jar with these entries."""

    def make(name: str, entries: dict[str, bytes]):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as jar:
            for entry, content in entries.items():
                jar.writestr(entry, content)
        return path

    return make
