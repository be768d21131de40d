"""The end of a session: a runner ends once everything it said is acknowledged."""

from __future__ import annotations

from harness.clock import CancelToken, Deadline, ManualClock
from harness.conductor.session import RunnerSession
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
