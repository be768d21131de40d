"""The folder of pushed files."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from pathlib import Path

import pytest

from device_agents.local.pushed import PushedFiles
from harness.errors import Cancelled, DeviceError

CONTENT = bytes(range(256)) * 10_000  # more than one chunk
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "modell größe.tflite"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def pushed(tmp_path: Path) -> PushedFiles:
    return PushedFiles("local", tmp_path / "home" / "store")


def go_on() -> None:
    """Nobody asks to stop."""


def test_a_file_is_copied_once_under_its_digest(pushed, source):
    assert pushed.push(source, DIGEST, go_on) is True
    assert pushed.push(source, DIGEST, go_on) is False
    assert [path.name for path in pushed.folder.iterdir()] == [DIGEST]
    assert (pushed.folder / DIGEST).read_bytes() == CONTENT


def test_a_later_edit_of_the_source_does_not_reach_the_copy(pushed, source):
    pushed.push(source, DIGEST, go_on)
    with source.open("r+b") as file:
        file.write(b"changed in place")
    assert (pushed.folder / DIGEST).read_bytes() == CONTENT


def test_a_source_with_another_digest_is_refused_and_leaves_nothing(pushed, source):
    with pytest.raises(DeviceError, match=r"^local: .*is not what it should be"):
        pushed.push(source, "0" * 64, go_on)
    assert list(pushed.folder.iterdir()) == []


def test_a_copy_that_lost_its_end_is_made_again(pushed, source):
    pushed.push(source, DIGEST, go_on)
    (pushed.folder / DIGEST).write_bytes(CONTENT[:100])
    assert pushed.push(source, DIGEST, go_on) is True
    assert (pushed.folder / DIGEST).read_bytes() == CONTENT


def test_a_missing_source_names_the_file(pushed, tmp_path):
    with pytest.raises(DeviceError, match=r"cannot copy .*gone\.onnx.*No such file"):
        pushed.push(tmp_path / "gone.onnx", DIGEST, go_on)


def test_stopping_in_the_middle_leaves_nothing(pushed, source):
    calls = []

    def stop_at_second_chunk() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        pushed.push(source, DIGEST, stop_at_second_chunk)
    assert list(pushed.folder.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_nothing(pushed, source, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DeviceError, match="No space left on device"):
        pushed.push(source, DIGEST, go_on)
    assert list(pushed.folder.iterdir()) == []


def test_tidy_removes_half_copies_and_what_nobody_used_for_a_month(pushed, source):
    pushed.push(source, DIGEST, go_on)
    (pushed.folder / "abc.part").write_bytes(b"half")
    (pushed.folder / ("1" * 64)).write_bytes(b"old")
    long_ago = time.time() - 31 * 86_400
    os.utime(pushed.folder / ("1" * 64), (long_ago, long_ago))
    os.utime(pushed.folder / DIGEST, (long_ago, long_ago))
    pushed.push(source, DIGEST, go_on)  # in use again
    pushed.tidy()
    assert [path.name for path in pushed.folder.iterdir()] == [DIGEST]


def test_tidy_of_a_folder_that_is_not_there_is_no_error(pushed):
    pushed.tidy()
    assert not pushed.folder.exists()
