"""Cable off: simulated phones behind a real adb server measure alone and are found again.

The phone's heat and battery run twenty times as fast as the clock, so that its gauge says something
new every twentieth of a second and an idle stretch of a second has enough of it.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from device_agents.android import agent as agent_module
from device_agents.android import phone as phone_module
from device_agents.android.adb import AdbServer
from device_agents.android.agent import AndroidAgent
from device_agents.android.packages import runner_files
from harness.clock import CancelToken, Deadline, SystemClock
from harness.conditions import Gates
from harness.conductor import detached, session, whole_program
from harness.conductor.conductor import Conductor, RunContext, TrialJob
from harness.conductor.inputs import InputFactory
from harness.conductor.progress import Silent
from harness.errors import UserError
from harness.record import Cause, Cell, DeviceFacts, Outcome, RunPlan, Trial, TrialRecord
from harness.scenario import EnergyRequest, Prepare, Require, SingleStream, Warmup
from harness.store.store import ResultsStore
from harness.variant import ModelFormat, Variant
from phones.android.lab import Lab, PhoneHandle, missing

IDLE_S, WORK_S, LEAD_S = 1.0, 1.0, 0.6
#: All of it, with the tail; the cable is back later.
AWAY_S = LEAD_S + IDLE_S + WORK_S + IDLE_S + 0.4
LOAD = SingleStream(Warmup(rule="none"), min_seconds=WORK_S, min_inferences=1)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    if missing():
        pytest.skip(missing())
    try:
        runner_files()
    except UserError as error:
        pytest.skip(str(error))
    with Lab("xiaomi-14", latency_ms=4.0, time_factor=20.0) as made:
        yield made


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Minutes become parts of a second."""
    for module, name, seconds in (
        (detached, "BY_HAND_S", LEAD_S),
        (detached, "RETURN_S", 3.0),
        (detached, "LOOK_EVERY_S", 0.1),
        (whole_program, "TAIL_S", 0.3),
        (session, "_REATTACH_S", 4.0),
        (phone_module, "PATIENCE_S", 2.0),
    ):
        monkeypatch.setattr(module, name, seconds)
    monkeypatch.setenv("BENCHFARM_CACHE", str(tmp_path / "cache"))


class Hand(Silent):
    """Does what it is told: pulls the cable and puts it back, as the test has arranged."""

    def __init__(self, unplug: Callable[[], None], plug_in: Callable[[], None]) -> None:
        self._unplug, self._plug_in = unplug, plug_in
        self.notes: list[str] = []
        self.details: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)
        if text.startswith("unplug"):
            self._unplug()
        elif "plug it in again" in text:
            self._plug_in()

    def phase(self, trial: Trial, name: str, detail: str = "") -> None:
        if name == "DETACHED":
            self.details.append(detail)


def nothing() -> None:
    return


@pytest.fixture
def phone(lab: Lab) -> Iterator[PhoneHandle]:
    """A phone that can be unplugged; well again afterwards."""
    handle = lab.phones[0]
    well(lab, handle)
    yield handle
    well(lab, handle)


def well(lab: Lab, phone: PhoneHandle) -> None:
    phone.clear_faults()
    phone.recover()
    phone.set("plugged", True)
    server = AdbServer(int(lab.environment["ANDROID_ADB_SERVER_PORT"]))
    patience = time.monotonic() + 60
    while time.monotonic() < patience:
        within = Deadline(SystemClock(), 5)
        known = {one.serial: one.state for one in server.transports(within, CancelToken())}
        if known.get(phone.address) == "device":
            return
        phone.connect()
        time.sleep(0.05)
    raise AssertionError(f"{phone.serial} does not come back")


@pytest.fixture
def off(phone: PhoneHandle) -> Callable[..., Callable[[], None]]:
    """Pulling the cable, which comes back by itself after some seconds."""

    def make(seconds: float = AWAY_S, *more: str) -> Callable[[], None]:
        def pull() -> None:
            phone.set("plugged", False)
            for fault in (f"drop-link={seconds}@now", *more):
                phone.fault(fault)

        return pull

    return make


@pytest.fixture
def measured(lab: Lab, phone: PhoneHandle, tmp_path) -> Callable[..., TrialRecord]:
    """One attempt at one trial, by an agent that knows nothing of earlier ones."""
    model = tmp_path / "model.bin"
    model.write_bytes(b"model" * 1000)
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    variant = Variant("scripted", "fp32", ModelFormat.TFLITE, digest, 5000, "fp32")
    cell = Cell(f"android:{phone.serial}", variant, "tflite", "cpu", 1, 1, LOAD)
    trial = Trial(f"{cell.key}-r0", cell, 0, 0)
    store = ResultsStore(tmp_path / "results")
    plan = RunPlan("run", "test", None, "2026-01-01T00:00:00+00:00", (trial,))

    def run(hand: Hand, cancel: CancelToken | None = None) -> TrialRecord:
        agent_module._IDENTIFIED.clear()
        exists = (tmp_path / "results" / "runs" / "run").exists()
        writer = store.resume_run("run") if exists else store.create_run(plan)
        server = AdbServer(int(lab.environment["ANDROID_ADB_SERVER_PORT"]))
        device = AndroidAgent(server, undo=tmp_path / "undo").open(cell.device_id)
        context = RunContext(
            "run",
            DeviceFacts(cell.device_id, {"simulated": True}),
            {"version": "0"},
            Gates(thermal=None),
            20.0,
            None,
            Require(),
            Prepare(brightness_percent=20),
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


def brightness(phone: PhoneHandle) -> str:
    return str(phone.report()["settings"]["system"]["screen_brightness"])


def test_a_phone_measures_its_energy_alone(measured, phone, off) -> None:
    before = brightness(phone)
    hand = Hand(off(), nothing)
    record = measured(hand)
    assert record.outcome is Outcome.OK, record.failure
    assert record.energy is not None
    assert record.energy.source == "battery", record.energy
    assert record.energy.charging == "discharging"
    power_w = record.metrics["power_mean_w"] - record.metrics["power_idle_w"]
    assert 2.0 < power_w < 9.0  # what the simulated processor draws
    assert record.metrics["latency_p50_ns"] > 3e6
    assert any(detail.startswith("alone") for detail in hand.details)
    assert "SIMULATED-DEVICE" in {item.id for item in record.findings}
    sources = {item.name: item.source for item in record.channels if item.unavailable is None}
    assert sources["battery.current_a"].startswith("the runner's app.battery_current_raw")
    assert sources["temperature.skin_c"].endswith("not while detached")
    assert brightness(phone) == before  # put back at the end of the run, not before
    assert phone.report()["runners"] == {}


def test_a_charger_meanwhile_is_seen(measured, phone, off) -> None:
    """The cable is pulled but the phone stays on a charger."""

    def pull() -> None:
        off()()
        phone.set("plugged", True)

    record = measured(Hand(pull, nothing))
    assert record.outcome is Outcome.OK
    assert record.energy is not None
    assert "CHARGING" in record.energy.refused["battery"]
    assert "energy_gross_j" not in record.metrics


def test_a_phone_that_never_comes_back_and_then_does(measured, lab, phone, off) -> None:
    record = measured(Hand(off(60.0), nothing))
    assert record.failure is not None
    assert record.failure.cause is Cause.OFFLINE
    assert "did not come back" in record.failure.message
    well(lab, phone)
    hand = Hand(nothing, nothing)
    again = measured(hand)
    assert again.outcome is Outcome.OK, again.failure
    assert again.attempt == 2
    assert hand.notes == []  # nothing was to be done by hand: the results were fetched
    assert again.metrics["latency_p50_ns"] > 3e6
    assert again.energy is not None
    assert again.energy.source == "battery", again.energy
    assert phone.report()["runners"] == {}


def test_a_phone_that_comes_back_late(measured, off) -> None:
    hand = Hand(off(AWAY_S + 1.5), nothing)
    assert measured(hand).outcome is Outcome.OK
    assert any("plug it in again" in detail for detail in hand.details)


def test_a_phone_that_restarted_meanwhile(measured, phone, off) -> None:
    record = measured(Hand(off(0.3, "reboot=1@after:0.6"), nothing))
    assert record.failure is not None
    assert record.failure.cause is Cause.CRASHED
    assert "the phone restarted while it was left alone" in record.failure.log_tail
    assert [*phone.report()["runners"]] == []


def test_a_runner_that_was_killed_meanwhile(measured, off) -> None:
    record = measured(Hand(off(AWAY_S, "out-of-memory@after:1"), nothing))
    assert record.failure is not None
    assert record.failure.cause is Cause.CRASHED
    assert record.failure.signal_name == "SIGKILL"


def test_a_wait_that_is_cancelled_is_picked_up_by_a_resumed_run(measured, lab, phone, off) -> None:
    cancel = CancelToken()

    def pull() -> None:
        off(60.0)()
        threading.Timer(0.3, lambda: cancel.cancel("interrupted by the user")).start()

    record = measured(Hand(pull, nothing), cancel)
    assert record.failure is not None
    assert record.failure.cause is Cause.INTERRUPTED
    time.sleep(0.5)
    well(lab, phone)
    again = measured(Hand(nothing, nothing))
    assert again.outcome is Outcome.OK, again.failure
    assert again.metrics["latency_p50_ns"] > 3e6
    assert phone.report()["runners"] == {}
