"""The end of a session: everything is acknowledged, or comes from files of a runner now gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.clock import CancelToken, Deadline, ManualClock
from harness.conductor.session import RunnerSession
from harness.device import RunnerExit
from harness.errors import DeviceError, DeviceUnavailable, RunnerDied
from harness.wire import messages as m
from harness.wire.codec import Decoder, encode

CLOCK, GO = ManualClock(), CancelToken()


class LastWord:
    """Link and runner; it says something just as the host says bye."""

    token, spawned_at_ns = "token", 0

    def __init__(self, *, ends: bool) -> None:
        self.ends, self.over, self.heard = ends, False, Decoder()
        self.acknowledged: list[int] = []
        self._said = bytearray()

    def connect(self, deadline: Deadline, cancel: CancelToken) -> LastWord:
        return self

    def send(self, data: bytes, deadline: Deadline, cancel: CancelToken) -> None:
        for packet in self.heard.feed(data):
            match packet.message:
                case m.Hello():
                    self._said += encode(m.Ready("one", {}))
                case m.Bye():
                    self._said += encode(m.Trace(1, 0, ("self.rss_bytes",), (1,)))
                case m.Ack(seq=seq):
                    self.acknowledged.append(seq)
                    self.over = self.ends and seq == 1

    def receive(self, limit: int, deadline: Deadline, cancel: CancelToken) -> bytes | None:
        data = bytes(self._said)
        self._said.clear()
        if not data and not self.over:
            CLOCK.advance(round(deadline.remaining_s * 1e9))
            return None
        return data

    def close(self) -> None: ...

    def log_text(self) -> str:
        return ""

    def kill(self) -> None:
        self.over = True

    def wait(self, deadline: Deadline, cancel: CancelToken) -> None: ...


def closed(link: LastWord) -> float:
    """Seconds that closing a session took."""
    session = RunnerSession("local", link, CLOCK)
    session.open(Deadline(CLOCK, 1.0), GO)
    began_ns = CLOCK.monotonic_ns()
    session.close()
    return (CLOCK.monotonic_ns() - began_ns) / 1e9


def test_what_was_under_way_at_the_end_is_acknowledged():
    link = LastWord(ends=True)
    assert closed(link) == 0
    assert link.acknowledged == [0, 1]


def test_a_runner_that_does_not_end_is_ended_soon():
    link = LastWord(ends=False)
    assert closed(link) <= 0.5
    assert link.over


class Gone:
    """A runner that is no more, and has left some bytes."""

    token, spawned_at_ns = "token", 0

    def __init__(self, left: bytes | DeviceError) -> None:
        self.left = left

    def connect(self, deadline: Deadline, cancel: CancelToken) -> LastWord:
        raise DeviceUnavailable("local", "nobody there")

    def left_results(self, deadline: Deadline, cancel: CancelToken) -> bytes:
        if isinstance(self.left, DeviceError):
            raise self.left
        return self.left

    def log_text(self) -> str:
        return ""

    def kill(self) -> None: ...

    def wait(self, deadline: Deadline, cancel: CancelToken) -> RunnerExit:
        return RunnerExit(None, "SIGKILL", "")


def trace(seq: int) -> bytes:
    return encode(m.Trace(seq, 0, ("self.rss_bytes",), (1,)))


READY, LOADED = encode(m.Ready("one", {"runner": "ios"})), m.Loaded(0, 0, 0, (), (), "kept", {}, {})
FIRST = encode(replace(LOADED, seq=1))


def adopted(left: bytes | DeviceError) -> list[int]:
    """The numbers of what comes from files, up to the end."""
    session = RunnerSession("local", Gone(left), CLOCK)
    ready, loaded = session.adopt("one", Deadline(CLOCK, 1.0), GO)
    assert (ready.facts, loaded.seq, session.ended) == ({"runner": "ios"}, 1, True)
    session.send(m.Ack(1), Deadline(CLOCK, 1.0), GO)  # nobody listens, and that is no error
    received: list[int] = []
    with pytest.raises(RunnerDied, match="nobody there"):
        receive_all(session, received)
    session.close()
    return received


def receive_all(session: RunnerSession, received: list[int]) -> None:
    while packet := session.receive(Deadline(CLOCK, 1.0), GO):
        received.append(packet.message.seq)


def test_what_a_runner_left_is_received_before_its_end_is_told():
    assert adopted(READY + FIRST + trace(2) + trace(3)) == [2, 3]


@pytest.mark.parametrize("end", [trace(4), trace(3)[:-5], b"no message"])
def test_up_to_what_is_missing_or_damaged(end):
    assert adopted(READY + FIRST + trace(2) + end) == [2]


@pytest.mark.parametrize(
    "left",
    [
        b"",
        b"no message",
        FIRST,
        encode(m.Ready("another", {})) + FIRST,
        DeviceUnavailable("local", "unplugged"),
    ],
)
def test_what_is_not_of_this_session_is_nothing(left):
    with pytest.raises(DeviceUnavailable, match="nobody there"):
        adopted(left)
