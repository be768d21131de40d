"""A phone that was left: back late, never, to another process, or without its runner."""

from __future__ import annotations

import pytest

from harness.clock import CancelToken
from harness.conductor import detached
from harness.conductor.detached import RETURN_S, Left
from harness.record import Cause, Outcome
from harness.units import NS_PER_S


def test_a_phone_that_comes_back_late(measured, phone) -> None:
    phone.runner.cable_out = [(30.0, 3000.0)]
    record = measured()
    assert record.outcome is Outcome.OK
    assert record.energy.source == "battery"


def test_a_phone_that_never_comes_back_keeps_what_it_measured(
    measured, phone, notes, left_files
) -> None:
    phone.runner.cable_out = [(30.0, 30_000.0)]
    record = measured()
    assert record.failure.cause is Cause.OFFLINE
    assert "did not come back" in record.failure.message
    assert "--resume --retry-failed" in record.failure.message
    assert phone.clock.monotonic_ns() / NS_PER_S == pytest.approx(RETURN_S + 310, abs=20)
    assert phone.runner.runs  # nobody ended it
    assert len(left_files()) == 1
    phone.runner.cable_out = [(30.0, 400.0)]  # it was plugged in soon after all
    phone.left = False
    again = measured()
    assert again.outcome is Outcome.OK
    assert again.attempt == 2
    assert phone.launches == 1
    assert again.energy.source == "battery"
    assert again.metrics["energy_net_j"] == pytest.approx(2.8 * 0.05, rel=0.03)
    assert left_files() == []


@pytest.mark.parametrize("at_s", [20.0, 100.0, 1000.0])
def test_a_cancelled_wait_is_picked_up_later(measured, phone, left_files, at_s) -> None:
    phone.runner.cable_out = [(30.0, 2000.0)]

    def cancel(now_ns: int) -> None:
        if now_ns >= at_s * NS_PER_S:
            phone.cancel.cancel("interrupted by the user")

    phone.clock.on_advance = cancel
    record = measured()
    assert record.failure.cause is Cause.INTERRUPTED
    assert phone.runner.runs
    phone.clock.on_advance = None
    phone.cancel, phone.left = CancelToken(), False
    phone.clock.advance(2000 * NS_PER_S)
    again = measured()
    assert again.outcome is Outcome.OK, again.failure
    assert phone.launches == 1
    assert again.energy.source == "battery"
    assert left_files() == []


def test_a_host_that_is_killed_meanwhile(measured, phone, monkeypatch) -> None:
    phone.runner.cable_out = [(30.0, 400.0)]

    class Killed(BaseException):
        pass

    def killed(self, left_s, *rest):
        raise Killed

    monkeypatch.setattr(detached.DetachedMeasurement, "_look_around", killed)
    with pytest.raises(Killed):
        measured()
    monkeypatch.undo()
    phone.left = False
    phone.clock.advance(500 * NS_PER_S)
    again = measured()
    assert again.outcome is Outcome.OK
    assert phone.launches == 1
    assert again.metrics["latency_p50_ns"] == phone.runner.latency_ns
    assert again.load_times.launch_ns is None
    assert again.load_times.prepare_ns == 300
    assert again.energy.source == "battery"


def test_a_runner_that_died_meanwhile(measured, phone, left_files) -> None:
    phone.runner.cable_out, phone.runner.dies_at_s = [(30.0, 400.0)], 120.0
    record = measured()
    assert record.failure.cause is Cause.CRASHED
    assert "restarted" in record.failure.log_tail
    assert left_files() == []
    assert phone.restores == 1


def test_a_runner_that_is_gone_when_it_is_looked_for_is_measured_again(
    measured, phone, notes
) -> None:
    phone.runner.cable_out = [(30.0, 30_000.0)]
    assert measured().failure.cause is Cause.OFFLINE
    now_s = phone.clock.monotonic_ns() / NS_PER_S
    phone.runner.cable_out = [(30.0, 400.0), (now_s + 30, now_s + 500)]
    phone.runner.runs, phone.left = False, False
    again = measured()
    assert again.outcome is Outcome.OK
    assert phone.launches == 2
    assert any("is gone; it is measured again" in text for text in notes.notes)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"inputs": 3}', b"\xff"])
def test_damaged_notes_of_the_way_back_are_none(data) -> None:
    assert Left.decoded(data) is None
