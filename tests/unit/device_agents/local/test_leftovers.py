"""Processes left behind by a program that was killed."""

from __future__ import annotations

import select
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_agents.local import leftovers
from device_agents.local.files import HostFiles
from harness.clock import Deadline, SystemClock

HOST = HostFiles()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield child
    child.kill()
    child.wait()


def end_all(folder: Path) -> bool:
    clock = SystemClock()
    return leftovers.end_all(HOST, folder, clock, Deadline(clock, 10))


def test_a_noted_process_is_ended(sleeper, tmp_path):
    leftovers.note(HOST, tmp_path, sleeper.pid)
    assert end_all(tmp_path)
    assert sleeper.wait(timeout=60) == -9


def test_its_children_are_ended_with_it(tmp_path):
    parent = subprocess.Popen(
        ["sh", "-c", "sleep 60 & echo started; wait"],
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    with parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        leftovers.note(HOST, tmp_path, parent.pid)
        assert end_all(tmp_path)
        closed, _, _ = select.select([parent.stdout], [], [], 10)
        assert closed  # which it is when the last of the group has gone
        assert parent.stdout.read() == b""


def test_a_later_process_with_the_same_number_is_left_alone(sleeper, tmp_path):
    (tmp_path / f"{sleeper.pid}.runner").write_text("another boot/12345")
    assert end_all(tmp_path)
    assert sleeper.poll() is None


def test_a_process_that_shares_the_group_of_its_parent_is_ended_alone(tmp_path):
    """Ending the group would end the tests themselves."""
    child = subprocess.Popen(["sleep", "60"])
    leftovers.note(HOST, tmp_path, child.pid)
    assert end_all(tmp_path)
    assert child.wait(timeout=60) == -9


def test_one_that_has_ended_already_needs_nothing(sleeper, tmp_path):
    leftovers.note(HOST, tmp_path, sleeper.pid)
    sleeper.kill()
    sleeper.wait()
    assert end_all(tmp_path)
    leftovers.note(HOST, tmp_path / "not there", sleeper.pid)  # gone: nothing to write down


@pytest.mark.parametrize("name", ["abc.runner", "-1.runner", "0.runner", "1.runner", ".runner"])
def test_odd_files_in_the_folder_harm_nobody(tmp_path, name):
    (tmp_path / name).write_bytes(b"\xff\xfe")
    assert end_all(tmp_path)


def test_a_folder_that_is_not_there_holds_no_leftovers(tmp_path):
    assert end_all(tmp_path / "never made")


def test_one_that_cannot_be_ended_is_told_at_the_deadline(host, clock, tmp_path):
    """A made-up /proc goes on showing the process whatever happens."""
    ghost = 2**22 + 1  # above the kernel's largest process number
    fields = " ".join(["S", *["1"] * 18, "777", "0"])
    files = host("vm", {f"/proc/{ghost}/stat": f"{ghost} (ghost) {fields}\n"})
    leftovers.note(files, tmp_path, ghost)
    assert not leftovers.end_all(files, tmp_path, clock, Deadline(clock, 1))


def test_without_proc_the_start_time_comes_from_psutil(host, sleeper, tmp_path):
    files = host("mac")
    leftovers.note(files, tmp_path, sleeper.pid)
    clock = SystemClock()
    assert leftovers.end_all(files, tmp_path, clock, Deadline(clock, 10))
    assert sleeper.wait(timeout=60) == -9
