"""Outputs that no phone should give: enormous, binary, coloured, and a stream out of step."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agents.android.adb import Stream
from device_agents.android.agent import AndroidAgent
from device_agents.android.facts import facts_from, read_facts
from device_agents.android.parse import answers, exits, odpm
from device_agents.android.shell import ShellStream, finish
from device_agents.android.sources import survey_from
from device_agents.android.state import read_state, state_from
from device_agents.android.telemetry import _MOST_BYTES, AndroidTelemetry
from harness.clock import CancelToken, ManualClock
from harness.errors import CommandFailed, DeviceError

ENORMOUS = "head -c 40000000 /dev/zero"
EVERY_BYTE = bytes(range(256)) * 300
RUNS = pytest.mark.parametrize("run", ["run", "run_apart"])


@RUNS
@pytest.mark.parametrize("where", ["", " >&2"], ids=["output", "errors"])
def test_an_enormous_output_is_cut_off_and_told(phone, run, where, soon, cancel):
    with pytest.raises(DeviceError, match=r"^android:SERIAL1: it printed more than 32 MiB for "):
        getattr(phone, run)(ENORMOUS + where, soon, cancel)
    assert phone.run("echo next", soon, cancel).text == "next\n"


@RUNS
def test_a_binary_output_comes_as_it_is(phone, stand_in, run, soon, cancel):
    (stand_in.folder / "binary").write_bytes(EVERY_BYTE)
    answer = getattr(phone, run)("cat binary", soon, cancel)
    assert answer.stdout == EVERY_BYTE
    assert len(answer.text) <= len(EVERY_BYTE)


@RUNS
def test_an_error_message_cannot_colour_a_terminal(phone, run, soon, cancel):
    with pytest.raises(CommandFailed, match=r"returned 7: red alert$") as raised:
        getattr(phone, run)(
            r"printf '\033]0;title\007\033[31mred\033[0m\a alert\n' >&2; (exit 7)", soon, cancel
        )
    assert str(raised.value).isprintable()


def test_a_stream_that_is_out_of_step(soon, cancel):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(struct.pack("<BI", 1, 0xFFFF_FFFF) + b"abc")
        with pytest.raises(DeviceError, match="out of step"):
            finish(ShellStream(Stream("android:x", ours)), "true", soon, cancel)


def test_a_phone_that_floods_discovery_is_shown_with_the_reason(stand_in, server, soon, cancel):
    stand_in.command("getprop", ENORMOUS)
    (shown,) = AndroidAgent(server).discover(soon, cancel)
    assert (shown.device_id, shown.state, shown.ready) == ("android:SERIAL1", "silent", False)
    assert "more than 32 MiB" in shown.advice or "no answer within" in shown.advice


def test_a_phone_that_says_nothing(stand_in, server, soon, cancel, monkeypatch):
    monkeypatch.setattr("device_agents.android.agent._IDENTIFY_S", 0.5)
    stand_in.command("getprop", "sleep 60")
    (shown,) = AndroidAgent(server).discover(soon, cancel)
    assert (shown.state, shown.ready) == ("silent", False)
    assert shown.advice.endswith("unlock it, plug it in again, or restart it")


def test_binary_dumps_are_gaps(phone, stand_in, soon, cancel):
    (stand_in.folder / "binary").write_bytes(EVERY_BYTE)
    for name in ("dumpsys", "getprop"):
        stand_in.command(name, "cat binary")
    state, facts = read_state(phone, soon, cancel), read_facts(phone, soon, cancel)
    assert {"battery.percent", "temperature.skin_c", "thermal.status"} <= set(state.unavailable)
    assert {"model", "soc", "battery_health"} <= set(facts.unavailable)
    assert all(str(value).isprintable() for value in facts.values.values())


@pytest.mark.parametrize(
    "piece", ["\n", " \n", "a\n", "x", "9", "[a]: [b \n", "a=b\n", "a|b|c\n", "\x1b[", "@@x\n"]
)
def test_the_time_to_read_grows_with_the_length_alone(piece):
    """A reader whose time grows with its square takes minutes for this."""
    flood = piece * (250_000 // len(piece))
    framed = "".join(
        f"@@{name}\n{flood}\n" for name in ("properties", "battery", "thermal", "window", "meminfo")
    )
    assert facts_from("android:x", framed).unavailable
    assert state_from(framed).unavailable
    assert survey_from(flood, {"battery.status": "full"}).missing
    assert answers.read_devices(flood) == ()
    assert odpm.read_power_stats(flood) == {}
    assert exits.read_log(flood, 7, "org.example") is None


class Flood:
    """A loop on the phone that prints the same piece without end, or never anything."""

    def __init__(self, piece):
        self.piece, self.closed = piece, False

    def waiting(self):
        return self.piece is not None and not self.closed

    def packet(self, deadline, cancel):
        return (1, self.piece)

    def close(self):
        self.closed = True


class FloodedPhone:
    """A phone whose every stream is a flood."""

    def __init__(self, piece):
        self.clock, self.piece, self.streams = ManualClock(), piece, []

    def start(self, command, deadline, cancel):
        self.streams.append(Flood(self.piece))
        return self.streams[-1]

    def run(self, command, deadline, cancel, *, check=True):
        raise DeviceError("android:x", "it says nothing")


class SameClock:
    """The phone's clock is the host's, if anybody asks."""

    def __init__(self, answers=True):
        self.answers, self.asked = answers, 0

    def refresh(self, deadline, cancel):
        self.asked += 1
        if not self.answers:
            raise DeviceError("android:x", "it says nothing")

    def host_ns(self, up_s):
        return round(up_s * 1e9)


def telemetry_of(phone, rate_hz=10.0, clock=None):
    def slow_state(deadline, at_most_ns):
        raise DeviceError("android:x", "it says nothing")

    found = survey_from(
        "zone|/sys/class/thermal/thermal_zone0/temp|BIG|41000\n", {"battery.status": "full"}
    )
    return AndroidTelemetry(
        phone, clock or SameClock(), found, slow_state, rate_hz, "timing", lambda: "org.example"
    )


def test_a_flood_of_samples_does_not_keep_a_poll():
    phone = FloodedPhone(b"D|1.0|41000|-\n" * 500)
    telemetry = telemetry_of(phone)
    first, second = telemetry.poll(), telemetry.poll()
    assert len(first) == pytest.approx(_MOST_BYTES / 14, rel=0.01)
    assert len(first) == len(second)
    assert {(one.channel, one.value) for one in first} == {("temperature.big_c", 41.0)}


def test_a_loop_that_prints_no_lines_is_begun_anew():
    phone = FloodedPhone(b"\0" * 65536)
    telemetry = telemetry_of(phone)
    assert telemetry.poll() == []
    assert [stream.closed for stream in phone.streams] == [True]
    phone.clock.advance(3_000_000_000)
    assert telemetry.poll() == []
    assert [stream.closed for stream in phone.streams] == [True, True]


def test_clocks_are_compared_once_a_minute():
    phone, clock = FloodedPhone(None), SameClock()
    telemetry = telemetry_of(phone, clock=clock)
    telemetry.poll()
    before = clock.asked
    for _ in range(120):
        phone.clock.advance(1_000_000_000)
        telemetry.poll()
    assert clock.asked - before == 2


def test_a_clock_that_nobody_tells_is_asked_for_no_more_often():
    phone, clock = FloodedPhone(None), SameClock()
    telemetry = telemetry_of(phone, clock=clock)
    telemetry.poll()
    clock.answers, before = False, clock.asked
    for _ in range(90):
        phone.clock.advance(1_000_000_000)
        telemetry.poll()
    assert clock.asked - before == 1


FIELD = st.one_of(
    st.text(alphabet="0123456789.-+eE |;()", max_size=40),
    st.sampled_from(["1e300", "inf", "nan", "9" * 30, "5 ", " 5", "41000", "cpu 1 2 3 4 5 6 7 8"]),
    st.text(max_size=20),
)


@given(st.sampled_from(["D", "E", ""]), st.lists(FIELD, max_size=8))
def test_a_line_of_the_loop_may_hold_anything(kind, fields):
    telemetry = telemetry_of(FloodedPhone(b""), rate_hz=0.0)
    for reading in telemetry._line("|".join([kind, *fields])):
        assert abs(reading.at_ns) < 2**63
        assert abs(reading.value) < float("inf")


def test_deadlines_hold_while_a_phone_floods(phone, within):
    with pytest.raises(DeviceError):
        phone.run("while true; do echo flood; done", within(1), CancelToken())
    assert phone.run("echo next", within(20), CancelToken()).text == "next\n"
