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
from device_agents.local.runner.spool import Spool
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
from harness.wire import messages as m
from harness.wire.codec import Decoder
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
        farm: Farm,
        hand: Hand,
        cancel: CancelToken | None = None,
        start: str | None = None,
        detached: bool = True,
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
            energy=EnergyRequest(idle_seconds=IDLE_S) if detached else None,
            detached=detached,
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


@pytest.fixture
def as_soon_as(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The end of the app, right after it has put a certain message aside for a host that is away.

    The runner's thread waits there for its end, so that it gets no further.
    """

    def arm(farm: Farm, seen: Callable[[m.Message], bool], end: Callable[[], None]) -> None:
        app = farm.phones[0].apps[RUNNER_BUNDLE]
        put, ended = Spool.put, threading.Event()

        def put_and_end(self: Spool, data: bytes) -> bool:
            kept = put(self, data)
            first = self._alone and not ended.is_set()
            if first and seen(Decoder().feed(data)[0].message):
                ended.set()
                assert app.process is not None
                runner = app.process._running.runner  # type: ignore[union-attr]
                farm._loop.call_soon_threadsafe(end)  # type: ignore[union-attr]
                runner._killed.wait(20)
            return kept

        monkeypatch.setattr(Spool, "put", put_and_end)

    return arm


def is_timed(message: m.Message) -> bool:
    return isinstance(message, m.BlockDone) and message.timed


def is_over(message: m.Message) -> bool:
    return isinstance(message, m.Done)


def the_end(farm: Farm, how: str) -> Callable[[], None]:
    """An end of the app by which the phone, unplugged until then, comes back."""
    phone = farm.phones[0]
    app = phone.apps[RUNNER_BUNDLE]

    def act() -> None:
        if how == "reboot":
            phone.reboot(AWAY_S)
            return
        app.die(how) if how in ("jetsam", "crash") else app.kill()
        phone.later(AWAY_S, phone.attach)

    return act


@pytest.mark.parametrize(
    ("profile", "how"), [(OLD, "jetsam"), (NEW, "crash"), (OLD, "killed"), (NEW, "reboot")]
)
def test_an_app_that_ends_within_its_program_loses_no_finished_block(
    profile, how, farm, measured, as_soon_as
) -> None:
    made = farm(profile)
    as_soon_as(made, is_timed, the_end(made, how))
    record = measured(made, Hand(made, None))
    assert record.failure is not None
    assert record.failure.cause is Cause.CRASHED, record.failure
    assert record.outcome is Outcome.FAILED
    if how == "jetsam":
        assert "killed by iOS" in record.failure.log_tail
    assert record.metrics["latency_p50_ns"] > 1e6  # of the block that was finished
    assert "temperature.battery_c" in {item.name for item in record.channels}


@pytest.mark.parametrize("how", ["jetsam", "reboot"])
def test_an_app_that_ends_after_its_work_has_lost_nothing(how, farm, measured, as_soon_as) -> None:
    made = farm(OLD)
    as_soon_as(made, is_over, the_end(made, how))
    hand = Hand(made, None)
    record = measured(made, hand)
    assert record.outcome is Outcome.OK, record.failure
    assert record.metrics["latency_p50_ns"] > 1e6
    assert any("read from the files it left" in note for note in hand.notes)


def test_an_app_that_a_person_opened_and_closed(farm, measured, as_soon_as, monkeypatch) -> None:
    monkeypatch.setattr(session, "_REATTACH_S", 1.0)
    made = farm(OLD)
    made.open_app(0)
    as_soon_as(made, is_timed, the_end(made, "killed"))
    record = measured(made, Hand(made, None), start="by_hand")
    assert record.failure is not None
    assert record.failure.cause is Cause.CRASHED
    assert "open the app" in record.failure.log_tail
    assert record.metrics["latency_p50_ns"] > 1e6


@pytest.mark.parametrize(("seen", "outcome"), [(is_timed, Outcome.FAILED), (is_over, Outcome.OK)])
def test_a_resumed_run_finds_what_an_app_that_is_gone_has_left(
    seen, outcome, farm, measured, as_soon_as
) -> None:
    made = farm(NEW)
    phone = made.phones[0]
    cancel = CancelToken()

    def end() -> None:
        phone.apps[RUNNER_BUNDLE].die("jetsam")
        cancel.cancel("interrupted by the user")

    as_soon_as(made, seen, end)
    record = measured(made, Hand(made, None), cancel)
    assert record.failure is not None
    assert record.failure.cause is Cause.INTERRUPTED
    made.call(phone.attach)
    hand = Hand(made, AWAY_S)
    again = measured(made, hand)
    assert again.outcome is outcome, again.failure
    assert again.metrics["latency_p50_ns"] > 1e6
    assert again.runner["runner"] == "ios"
    assert not any(note.startswith("unplug") for note in hand.notes)  # it was not measured again


def test_what_another_session_has_left_is_not_taken_for_it(farm, measured, as_soon_as) -> None:
    """Nothing of the trial is left, so it is measured again."""
    made = farm(OLD)
    phone = made.phones[0]
    app = phone.apps[RUNNER_BUNDLE]
    cancel = CancelToken()

    def end() -> None:
        app.die("jetsam")
        (folder,) = (app.documents / "results").iterdir()
        folder.rename(folder.with_name("0" * 16))
        cancel.cancel("interrupted by the user")

    as_soon_as(made, is_timed, end)
    record = measured(made, Hand(made, None), cancel)
    assert record.failure is not None
    assert record.failure.cause is Cause.INTERRUPTED
    made.call(phone.attach)
    hand = Hand(made, AWAY_S)
    again = measured(made, hand)
    assert "is measured again" in hand.notes[0]
    assert again.outcome is Outcome.OK, again.failure


def blocks_put(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The blocks that a runner finishes, as they come."""
    done: list[int] = []
    put = Spool.put

    def put_and_tell(self: Spool, data: bytes) -> bool:
        message = Decoder().feed(data)[0].message
        if isinstance(message, m.BlockDone):
            done.append(message.block)
        return put(self, data)

    monkeypatch.setattr(Spool, "put", put_and_tell)
    return done


def test_a_link_that_drops_for_good_loses_no_finished_block(
    farm, measured, as_soon_as, tmp_path, monkeypatch
) -> None:
    """The app works on until it is killed; only then is the phone there again."""
    made = farm(NEW)
    as_soon_as(made, lambda message: True, the_end(made, "jetsam"))
    done = blocks_put(monkeypatch)
    made.fault(0, "vanish@phase:append")
    record = measured(made, Hand(made, None), detached=False)
    assert record.failure is not None
    assert record.failure.cause is Cause.CRASHED, record.failure
    assert "killed by iOS" in record.failure.log_tail
    trial = ResultsStore(tmp_path / "results").resolve("run").trial(record.trial.id)
    assert done
    assert [block.seq for block in trial.blocks()] == done


def test_files_that_nobody_can_read_are_no_results(farm, measured, as_soon_as) -> None:
    made = farm(OLD)
    results = made.phones[0].apps[RUNNER_BUNDLE].documents / "results"
    end = the_end(made, "jetsam")

    def spoil() -> None:
        end()
        (folder,) = results.iterdir()
        (folder / "0.wire").write_bytes(b"no message")
        (folder / "x.wire").write_bytes(b"")

    as_soon_as(made, is_timed, spoil)
    record = measured(made, Hand(made, None))
    assert record.failure is not None
    assert record.failure.cause is Cause.CRASHED
    assert "killed by iOS" in record.failure.log_tail
    assert "latency_p50_ns" not in record.metrics


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
