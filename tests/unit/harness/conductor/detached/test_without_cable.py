"""A trial whose cable is out: what is measured, by whom, and what is refused."""

from __future__ import annotations

import pytest

from harness.conductor import detached
from harness.conductor.detached import BY_HAND_S, NOT_DETACHED
from harness.record import Outcome
from harness.scenario import Cold
from harness.units import NS_PER_S
from harness.wire import messages as m


def test_energy_without_the_cable(measured, phone, notes, left_files) -> None:
    phone.runner.cable_out = [(30.0, 500.0)]
    record = measured()
    assert record.outcome is Outcome.OK, record.failure
    metrics, energy = record.metrics, record.energy
    assert energy.source == "battery", energy.refused
    assert energy.charging == "discharging"
    assert metrics["power_idle_w"] == pytest.approx(1.2, rel=0.03)
    assert metrics["power_mean_w"] == pytest.approx(4.0, rel=0.03)
    assert metrics["energy_net_j"] == pytest.approx(2.8 * 0.05, rel=0.03)
    assert energy.seconds == pytest.approx(120, abs=1)
    assert [span.name for span in record.phases] == [
        *("ACQUIRE", "PREPARE", "GATE", "COOL", "PUSH", "LAUNCH", "LOAD", "WARM", "DETACHED"),
        *("MEASURE", "COLLECT", "RESTORE"),
    ]
    assert notes.notes == [
        "unplug android:A now, within 60 s",
        "android:A has done its work; plug it in again",
    ]
    assert any("keep the cable out" in text for text in notes.details)
    assert notes.details[-1].startswith("over; plug it in again")
    assert left_files() == []
    assert phone.runner.acknowledged > 200


def test_channels_tell_what_was_read_by_whom(measured, phone) -> None:
    phone.runner.cable_out = [(30.0, 500.0)]
    sources = {item.name: item.source for item in measured().channels}
    assert sources["battery.current_a"] == (
        f"the runner's app.battery_current_raw; made up; {NOT_DETACHED}"
    )
    assert sources["temperature.skin_c"] == f"made up; {NOT_DETACHED}"
    assert sources["lab.ambient_c"] == "made up"


@pytest.mark.parametrize(
    "out",
    [
        pytest.param((500.0, 501.0), id="nobody pulls the cable"),
        pytest.param((100.0, 500.0), id="pulled too late"),
        pytest.param((30.0, 200.0), id="put back too early"),
        pytest.param((30.0, 290.0), id="put back while it idles again"),
    ],
)
@pytest.mark.parametrize("charging_a", [1.0, -0.1])
def test_a_gauge_that_was_charged_meanwhile_is_refused(measured, phone, out, charging_a) -> None:
    phone.runner.cable_out, phone.runner.charging_a = [out], charging_a
    record = measured()
    assert record.outcome is Outcome.OK
    assert "energy_gross_j" not in record.metrics
    assert record.metrics["latency_p50_ns"] == phone.runner.latency_ns
    assert "CHARGING" in record.energy.refused["battery"]


def test_nothing_is_acknowledged_before_everything_is_there(measured, phone, monkeypatch) -> None:
    phone.runner.cable_out = [(30.0, 500.0)]
    seen = []
    found = detached.DetachedMeasurement._note_idle
    monkeypatch.setattr(
        detached.DetachedMeasurement,
        "_note_idle",
        lambda self, left: (seen.append(phone.runner.acknowledged), found(self, left)),
    )
    measured()
    assert seen == [0]


def test_without_energy_there_is_no_idling(measured, phone) -> None:
    phone.runner.cable_out = [(30.0, 250.0)]
    record = measured(energy=None)
    assert record.outcome is Outcome.OK
    assert record.energy is None
    assert phone.held_s == pytest.approx(60 + 2 + 120, rel=0.15)
    (sent,) = [
        one for one in phone.runner.commands if isinstance(one, m.Run) and one.blocks[0].seq > 2
    ]
    assert sent.blocks[0].pause_ns == BY_HAND_S * NS_PER_S
    assert all(block.pause_ns == 0 for block in sent.blocks[1:])


def test_a_cold_start_keeps_the_cable(measured, phone) -> None:
    assert "DETACHED" not in [span.name for span in measured(load=Cold()).phases]
    assert phone.held_s == 0.0


def test_a_device_that_cannot_be_left_alone_says_so(measured, scripted) -> None:
    record = measured(device=scripted)
    assert record.outcome is Outcome.SKIPPED
    assert "cannot measure without its cable" in record.reason
