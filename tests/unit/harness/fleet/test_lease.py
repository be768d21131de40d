"""Leases among real processes."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
from datetime import UTC, datetime

import pytest

from harness.clock import ManualClock
from harness.errors import DeviceBusy, UserError
from harness.fleet import lease as lease_module
from harness.fleet.lease import Lease, LeaseInfo, holder, lease_folder


def test_a_lease_is_exclusive_until_released():
    clock = ManualClock(datetime(2026, 11, 20, 12, 0, tzinfo=UTC))
    with Lease.acquire("local", "run quickstart", clock) as lease:
        assert lease.device_id == "local"
        with pytest.raises(DeviceBusy) as caught:
            Lease.acquire("local", "bench", clock)
    message = str(caught.value)
    assert f"process {os.getpid()} of " in message
    assert "'run quickstart'" in message
    assert "2026-11-20T12:00:00+00:00" in message
    Lease.acquire("local", "bench", clock).release()


def test_release_may_be_called_again_and_leaves_no_name_behind(lease_home):
    lease = Lease.acquire("local", "first")
    lease.release()
    lease.release()
    assert holder("local") is None
    assert [path.read_bytes() for path in lease_home.iterdir()] == [b""]


def test_other_devices_are_free():
    with Lease.acquire("local", "one"), Lease.acquire("android:1", "two"):
        pass


def test_holder_tells_who_holds_a_device_in_another_process(hold_elsewhere):
    child = hold_elsewhere("android:R5CT", "nightly")
    info = holder("android:R5CT")
    assert info is not None
    assert (info.pid, info.purpose) == (child.pid, "nightly")
    assert info.user
    assert datetime.fromisoformat(info.since).tzinfo is not None
    with pytest.raises(DeviceBusy, match=f"process {child.pid} of .* for 'nightly'"):
        Lease.acquire("android:R5CT", "mine")


def test_holder_is_none_for_a_device_never_leased():
    assert holder("ios:nobody") is None


def test_sigkill_of_the_owner_frees_the_device(hold_elsewhere):
    child = hold_elsewhere("local", "doomed")
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert holder("local") is None
    with Lease.acquire("local", "next"):
        info = holder("local")
        assert info is not None
        assert info.purpose == "next"


@pytest.mark.parametrize(
    "start_child",
    [
        "subprocess.Popen(['sleep', '60'], close_fds=False, stdout=subprocess.DEVNULL)",
        "pid = os.fork()\nif pid == 0:\n    open(ready, 'w').close(); time.sleep(60)",
    ],
    ids=["program", "fork"],
)
def test_children_that_outlive_a_killed_owner_do_not_keep_the_lease(
    hold_elsewhere, start_child, tmp_path
):
    ready = tmp_path / "ready"  # the forked child makes it once its fork handler has run
    wait = f"while {'fork' in start_child} and not os.path.exists(ready): time.sleep(0.001)"
    owner = hold_elsewhere(
        "local",
        "parent",
        f"import os, subprocess, time\nos.setsid()\nready = {str(ready)!r}\n{start_child}\n{wait}",
    )
    owner.kill()
    owner.wait()
    try:
        os.killpg(owner.pid, 0)  # raises unless somebody of the group still lives
        Lease.acquire("local", "next").release()
    finally:
        os.killpg(owner.pid, signal.SIGKILL)


def test_a_forked_child_that_ends_does_not_free_the_parents_lease(hold_elsewhere):
    fork = "import os\nif os.fork() == 0: os._exit(0)\nos.wait()"
    hold_elsewhere("local", "parent", fork)
    with pytest.raises(DeviceBusy):
        Lease.acquire("local", "mine")


def test_somebody_asking_for_the_holder_does_not_make_a_free_device_busy(lease_home):
    Lease.acquire("local", "makes the file").release()
    (file,) = lease_home.iterdir()
    with file.open("rb") as asker:
        fcntl.flock(asker, fcntl.LOCK_SH)
        clock = ManualClock()
        clock.on_advance = lambda _: fcntl.flock(asker, fcntl.LOCK_UN)
        Lease.acquire("local", "patient", clock).release()


@pytest.mark.parametrize(
    "device_id",
    [
        "../../etc/passwd",
        "android:192.168.0.7:5555",
        "a/b\\c\0d",
        "ä ö\n",
        "x" * 5000,
        "",
        ".",
        "\ud800",
    ],
)
def test_odd_device_ids_stay_inside_the_folder(lease_home, device_id):
    with Lease.acquire(device_id, "odd"):
        names = [path.name for path in lease_home.iterdir()]
        assert len(names) == 1
        assert len(names[0]) < 100
        assert names[0].isascii()
        assert holder(device_id) is not None


def test_ids_that_look_alike_in_a_file_name_do_not_collide():
    alike = ["android:a", "android/a", "android:A", "android_a", "x" * 50 + "1", "x" * 50 + "2"]
    leases = [Lease.acquire(device_id, "alike") for device_id in alike]
    for lease in leases:
        lease.release()


def test_folder_and_file_are_open_to_every_user(lease_home):
    old = os.umask(0o077)
    try:
        with Lease.acquire("local", "shared"):
            (file,) = lease_home.iterdir()
            assert stat.S_IMODE(file.stat().st_mode) == 0o666
            assert stat.S_IMODE(lease_home.stat().st_mode) == 0o1777
    finally:
        os.umask(old)


def test_the_folder_defaults_to_one_below_the_temporary_files(monkeypatch, tmp_path):
    monkeypatch.delenv("BENCHFARM_LEASES")
    monkeypatch.setattr(lease_module.tempfile, "gettempdir", lambda: str(tmp_path))
    assert lease_folder() == tmp_path / "benchfarm-leases"


def test_an_unusable_folder_is_the_users_to_mend(lease_home):
    lease_home.write_text("a file in the way")
    for attempt in (lambda: Lease.acquire("local", "x"), lambda: holder("local")):
        with pytest.raises(UserError, match="set BENCHFARM_LEASES"):
            attempt()


def test_a_symbolic_link_in_place_of_the_file_is_not_followed(lease_home, tmp_path):
    Lease.acquire("local", "x").release()
    (file,) = lease_home.iterdir()
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    file.unlink()
    file.symlink_to(precious)
    with pytest.raises(UserError):
        Lease.acquire("local", "x")
    assert precious.read_text() == "keep me"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"", LeaseInfo(0, "", "", "")),
        (b"\xff\x00 garbage", LeaseInfo(0, "", "", "")),
        (b"[1, 2]", LeaseInfo(0, "", "", "")),
        (b'{"pid": "x", "user": "", "purpose": "", "since": ""}', LeaseInfo(0, "", "", "")),
        (
            json.dumps(
                {"pid": 7, "user": "eve\x1b[2J", "purpose": "a\nb", "since": "now"}
            ).encode(),
            LeaseInfo(7, "eve?[2J", "a?b", "now"),
        ),
    ],
)
def test_whatever_stands_in_the_file_is_shown_safely(lease_home, text, shown):
    Lease.acquire("local", "x").release()
    (file,) = lease_home.iterdir()
    with file.open("r+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(text)
        other.flush()
        assert holder("local") == shown
        with pytest.raises(DeviceBusy) as caught:
            Lease.acquire("local", "mine", ManualClock())
    assert "\n" not in str(caught.value)
    assert ("another process" in str(caught.value)) == (shown.pid == 0)


def test_a_file_that_was_tidied_away_does_not_hand_out_the_device_twice(lease_home, monkeypatch):
    """Between opening and locking, the file's name may come to stand for another file."""
    Lease.acquire("local", "x").release()
    (file,) = lease_home.iterdir()
    real_flock, swapped = fcntl.flock, []

    def swap_then_lock(descriptor: int, operation: int) -> None:
        if not swapped:
            swapped.append(True)
            file.unlink()
        real_flock(descriptor, operation)

    monkeypatch.setattr(lease_module.fcntl, "flock", swap_then_lock)
    with Lease.acquire("local", "first"), pytest.raises(DeviceBusy):
        Lease.acquire("local", "second")
    assert swapped


def test_a_user_without_a_name_is_called_by_number(monkeypatch):
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(lease_module.getpass, "getuser", nameless)
    with Lease.acquire("local", "x"):
        info = holder("local")
        assert info is not None
        assert info.user == f"user {os.getuid()}"
