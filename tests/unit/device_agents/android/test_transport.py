"""Commands and files over the adb protocol, and everything that can go wrong on the way."""

from __future__ import annotations

import hashlib
import threading

import pytest

from device_agents.android.adb import AdbServer, refusal
from device_agents.android.sync import send_file
from harness.clock import SystemClock
from harness.errors import (
    Cancelled,
    CommandFailed,
    DeviceError,
    DeviceTimeout,
    DeviceUnavailable,
)


def test_commands_in_a_standing_shell(phone, soon, cancel):
    assert phone.run("echo a; echo b >&2", soon, cancel).text == "a\n"
    answer = phone.run("echo x; false", soon, cancel, check=False)
    assert (answer.returncode, answer.text) == (1, "x\n")
    assert phone.run("echo err >&2; true", soon, cancel).error_text == "err\n"
    assert phone.run("printf no-newline", soon, cancel).text == "no-newline"
    assert phone.run("head -c 300000 /dev/zero", soon, cancel).stdout == bytes(300_000)
    with pytest.raises(CommandFailed, match=r"^android:SERIAL1: .*returned 7: oops"):
        phone.run("echo oops >&2; (exit 7)", soon, cancel)


def test_commands_of_their_own(phone, soon, cancel):
    assert phone.run_apart("exit 7", soon, cancel, check=False).returncode == 7
    assert phone.run_apart("kill -9 $$", soon, cancel, check=False).returncode != 0


@pytest.mark.parametrize("run", ["run", "run_apart"])
def test_a_link_that_drops_is_no_short_output(phone, stand_in, run, soon, cancel):
    stand_in.cut_after = 1000
    with pytest.raises(DeviceUnavailable, match="dropped"):
        getattr(phone, run)("head -c 100000 /dev/zero", soon, cancel)
    stand_in.cut_after = None
    assert getattr(phone, run)("echo back", soon, cancel).text == "back\n"


def test_a_shell_that_was_cut_is_opened_again(phone, stand_in, soon, cancel):
    phone.run("true", soon, cancel)
    phone._shell.close()
    assert phone.run("echo again", soon, cancel).text == "again\n"


@pytest.mark.parametrize("command", ["sleep 30", "while true; do echo chatter; sleep 0.02; done"])
@pytest.mark.parametrize("run", ["run", "run_apart"])
def test_a_deadline_is_for_the_whole_call(phone, run, command, within, cancel):
    with pytest.raises(DeviceTimeout, match=r"within 0.3 s"):
        getattr(phone, run)(command, within(0.3), cancel)
    assert phone.run("echo next", within(10), cancel).text == "next\n"


def test_a_server_that_says_nothing(phone, stand_in, within, cancel):
    stand_in.mute = True
    with pytest.raises(DeviceTimeout):
        phone.run("true", within(0.3), cancel)


def test_a_cancellation_is_heeded(phone, within, cancel):
    threading.Timer(0.2, cancel.cancel, ("Ctrl-C",)).start()
    with pytest.raises(Cancelled):
        phone.run("sleep 300", within(200), cancel)


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set", "allow USB debug"),
        ("device offline", "plug the phone in again"),
        ("device 'x' not found", "not attached"),
        ("closed", "adb says 'closed'"),
        ("\x1b[31mred", "adb says 'red'"),
    ],
)
def test_what_adb_says_becomes_advice(said, means):
    error = refusal("android:x", said)
    assert isinstance(error, DeviceUnavailable)
    assert means in str(error)


def test_a_refused_service(phone, stand_in, soon, cancel):
    stand_in.refusal = "closed"
    with pytest.raises(DeviceUnavailable, match="closed"):
        phone.run("true", soon, cancel)


def test_no_server(within, cancel):
    with pytest.raises(DeviceUnavailable, match="adb start-server"):
        AdbServer(1).transports(within(5), cancel)
    assert not AdbServer(1).is_running()


@pytest.mark.parametrize("size", [0, 1, 65536, 3_000_001])
def test_files_arrive_as_they_are(phone, tmp_path, size, soon, cancel):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(i * 7 % 251 for i in range(min(size, 5000))) * (size // 5000 + 1))
    told = []
    stream = phone.open("sync:", soon, cancel)
    send_file(
        stream, source, str(target), 0o644, SystemClock(), soon, cancel,
        lambda sent, total: told.append((sent, total)),
    )  # fmt: skip
    stream.close()
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (source, target)]
    assert digests[0] == digests[1]
    assert told[-1:] == ([(source.stat().st_size,) * 2] if source.stat().st_size else [])


def test_a_refusal_in_the_middle_of_a_file(phone, stand_in, tmp_path, soon, cancel):
    source = tmp_path / "source"
    source.write_bytes(bytes(8_000_000))
    stand_in.sync_refusal = "No space left on device"
    stream = phone.open("sync:", soon, cancel)
    with pytest.raises(DeviceError, match=r"cannot write .*: No space left on device"):
        send_file(stream, source, str(tmp_path / "t"), 0o644, SystemClock(), soon, cancel)
    stream.close()
