"""Cable off: simulated iPhones vanish from usbmuxd, measure alone, and are found again.

The phone's gauge runs forty times as fast as the clock, so that it says something new twice a
second.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from device_agents.ios import phone as phone_module
from device_agents.ios.agent import IosAgent
from harness.clock import CancelToken, SystemClock
from harness.conditions import Gates
from harness.conductor import detached, session, whole_program
from harness.conductor.conductor import Conductor, RunContext, TrialJob
from harness.conductor.inputs import InputFactory
from harness.conductor.progress import Silent
from harness.record import Cause, Cell, DeviceFacts, Outcome, RunPlan, Trial, TrialRecord
from harness.scenario import EnergyRequest, Prepare, Require, SingleStream, Warmup
from harness.store.store import ResultsStore
from harness.variant import ModelFormat, Variant
from phones.ios.apps import RUNNER_BUNDLE
from phones.ios.farm import Farm

IDLE_S, WORK_S, LEAD_S = 1.0, 1.0, 0.6
#: All of it, with the tail; the cable is back later.
AWAY_S = LEAD_S + IDLE_S + WORK_S + IDLE_S + 0.4
LOAD = SingleStream(Warmup(rule="none"), min_seconds=WORK_S, min_inferences=1)
#: DVT over lockdown, and through a tunnel.
OLD, NEW = "iphone12-ios16", "iphone15-ios18"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes become parts of a second."""
    for module, name, seconds in (
        (detached, "BY_HAND_S", LEAD_S),
        (detached, "RETURN_S", 20.0),
        (detached, "LOOK_EVERY_S", 0.1),
        (whole_program, "TAIL_S", 0.3),
        (phone_module, "PATIENCE_S", 5.0),
        (session, "_REATTACH_S", 20.0),
    ):
        monkeypatch.setattr(module, name, seconds)


@pytest.fixture
def farm(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Farm]]:
    pytest.importorskip("pymobiledevice3", reason="needs the extra ios")
    made: list[Farm] = []

    def make(profile: str) -> Farm:
        one = Farm(tmp_path / "farm", [profile], seconds=lambda: 40 * time.monotonic())
        one.start()
        made.append(one)
        for name, value in one.environment.items():
            monkeypatch.setenv(name, value)
        return one

    yield make
    for one in made:
        assert one.phones[0].apps[RUNNER_BUNDLE].process is None, "a runner was left on the phone"
        one.stop()


class Hand(Silent):
    """Pulls the cable when it is told to; ``then`` happens while it is out."""

    def __init__(self, farm: Farm, away_s: float | None, then: Callable[[], None] | None = None):
        self._farm, self._away_s, self._then = farm, away_s, then
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)
        if text.startswith("unplug"):
            self._farm.call(self._pull)

    def _pull(self) -> None:
        phone = self._farm.phones[0]
        phone.detach()
        if self._then is not None:
            self._then()
        if self._away_s is not None:
            phone.later(self._away_s, phone.attach)


@pytest.fixture
def measured(tmp_path) -> Callable[..., TrialRecord]:
    """One attempt at one trial, by an agent that knows nothing of earlier ones."""
    model = tmp_path / "model.bin"
    model.write_bytes(b"model" * 1000)
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    variant = Variant("scripted", "fp32", ModelFormat.TFLITE, digest, 5000, "fp32")
    store = ResultsStore(tmp_path / "results")

    def run(
        farm: Farm, hand: Hand, cancel: CancelToken | None = None, start: str | None = None
    ) -> TrialRecord:
        device_id = f"ios:{farm.phones[0].udid}"
        cell = Cell(device_id, variant, "tflite", "cpu", 1, 1, LOAD)
        trial = Trial(f"{cell.key}-r0", cell, 0, 0)
        plan = RunPlan("run", "test", None, "2026-01-01T00:00:00+00:00", (trial,))
        exists = (tmp_path / "results" / "runs" / "run").exists()
        writer = store.resume_run("run") if exists else store.create_run(plan)
        device = IosAgent().open(device_id)
        context = RunContext(
            "run",
            DeviceFacts(device_id, {"simulated": True}),
            {"version": "0"},
            Gates(thermal=None),
            20.0,
            None,
            Require(),
            Prepare(start=start),
            energy=EnergyRequest(idle_seconds=IDLE_S),
            detached=True,
        )
        inputs = InputFactory(tmp_path / "inputs", 0)
        conductor = Conductor(device, context, inputs, SystemClock(), cancel or CancelToken(), hand)
        try:
            return conductor.run(TrialJob(trial, model), writer.begin_trial(trial))
        finally:
            device.close()
            writer.close("complete")

    return run


@pytest.mark.parametrize("profile", [OLD, NEW])
def test_an_iphone_measures_alone(profile, farm, measured) -> None:
    made = farm(profile)
    record = measured(made, Hand(made, AWAY_S))
    assert record.outcome is Outcome.OK, record.failure
    assert record.metrics["latency_p50_ns"] > 1e6
    assert "SIMULATED-DEVICE" in {item.id for item in record.findings}
    sources = {item.name: item.source for item in record.channels if item.unavailable is None}
    assert sources["battery.plugged"].startswith("the runner's device.battery_plugged")
    assert sources["battery.current_a"].endswith("not while detached")


def test_energy_is_refused_where_the_work_was_the_smaller_part(farm, measured) -> None:
    """Nobody may read an iPhone's gauge but the host, and that has no cable."""
    made = farm(NEW)
    record = measured(made, Hand(made, AWAY_S))
    assert record.energy is not None
    assert record.energy.charging == "discharging"
    assert record.energy.refused["accumulator"].startswith("TOO-SHORT"), record.energy.refused
    assert record.energy.refused["battery"].startswith("TOO-FEW"), record.energy.refused
    assert "energy_gross_j" not in record.metrics


def test_a_charger_meanwhile_is_seen(farm, measured) -> None:
    """The data cable is pulled but the phone stays on a charger."""
    made = farm(NEW)
    phone = made.phones[0]
    record = measured(made, Hand(made, AWAY_S, lambda: phone.physics.set_plugged(True)))
    assert record.energy is not None
    assert record.energy.charging == "charging"
    assert record.energy.refused["accumulator"].startswith("CHARGING")


def test_an_app_that_was_opened_by_hand_measures_alone(farm, measured) -> None:
    made = farm(OLD)
    made.open_app(0)
    record = measured(made, Hand(made, AWAY_S), start="by_hand")
    assert record.outcome is Outcome.OK, record.failure
    app = made.phones[0].apps[RUNNER_BUNDLE]
    made.call(app.kill)


def test_a_phone_that_restarted_meanwhile(farm, measured) -> None:
    made = farm(OLD)
    phone = made.phones[0]
    record = measured(made, Hand(made, None, lambda: phone.reboot(AWAY_S)))
    assert record.failure is not None
    assert record.failure.cause is Cause.CRASHED, record.failure


def test_a_runner_that_was_killed_meanwhile(farm, measured) -> None:
    made = farm(OLD)
    app = made.phones[0].apps[RUNNER_BUNDLE]
    record = measured(made, Hand(made, AWAY_S, lambda: app.die("jetsam")))
    assert record.failure is not None
    assert record.failure.cause is Cause.CRASHED
    assert record.failure.signal_name == "SIGKILL"
    assert "killed by iOS" in record.failure.log_tail


def test_a_wait_that_is_cancelled_is_picked_up_by_a_resumed_run(farm, measured) -> None:
    made = farm(NEW)
    cancel = CancelToken()

    def soon() -> None:
        threading.Timer(0.3, lambda: cancel.cancel("interrupted by the user")).start()

    record = measured(made, Hand(made, None, soon), cancel)
    assert record.failure is not None
    assert record.failure.cause is Cause.INTERRUPTED
    made.call(made.phones[0].attach)
    hand = Hand(made, AWAY_S)
    again = measured(made, hand)
    assert again.outcome is Outcome.OK, again.failure
    assert hand.notes == []  # nothing was to be done by hand: the results were fetched
    assert again.metrics["latency_p50_ns"] > 1e6
