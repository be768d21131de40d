"""How long a plan takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.conditions import UNPLUG_S
from harness.plan import Plan, estimate, expand, latency_key
from harness.plan.estimate import TRIAL_OVERHEAD_S
from harness.record import Cell, DeviceFacts, Trial
from harness.scenario import (
    Burst,
    Cold,
    DeviceSelector,
    FamilyModels,
    Load,
    MatrixBlock,
    Offline,
    Periodic,
    Repeats,
    Scenario,
    SingleStream,
    Sustained,
    Warmup,
)
from harness.variant import ModelFormat, Variant

VARIANT = Variant("net", "fp32", ModelFormat.TFLITE, "ab", 1)
STEADY = Warmup("steady", min_seconds=1, min_inferences=30, max_seconds=10)


def plan_of(load: Load, batch: int = 1) -> Plan:
    cell = Cell("local", VARIANT, "tflite", "cpu", 1, batch, load)
    return Plan((Trial(f"{cell.key}-r0", cell, 0, 0),), ())


@pytest.mark.parametrize(
    ("load", "batch", "unknown_s", "at_half_a_second_s"),
    [
        (SingleStream(STEADY, 2, 10, 60), 1, 1 + 2, 10 + 5),
        (SingleStream(STEADY, 2, 1000, 60), 1, 1 + 2, 10 + 60),
        (SingleStream(Warmup("none"), 2, 10, 60), 1, 2, 5),
        (Burst(Warmup("fixed", 0, 3), 50), 1, 0, 1.5 + 25),
        (Offline(Warmup("none"), 100, 0), 8, 0, 13 * 0.5),
        (Offline(Warmup("none"), 100, 20), 8, 20, 20),
        (Sustained(300), 1, 300, 300),
        (Periodic(30, 60, Warmup("fixed", 2, 0)), 1, 62, 62),
        (Cold(), 1, 0, 0.5),
    ],
)
def test_loads(load, batch, unknown_s, at_half_a_second_s):
    plan = plan_of(load, batch)
    key = latency_key(plan.trials[0].cell)
    assert estimate(plan).seconds == pytest.approx(TRIAL_OVERHEAD_S + unknown_s)
    assert estimate(plan, {key: 0.5}).seconds == pytest.approx(
        TRIAL_OVERHEAD_S + at_half_a_second_s
    )


def test_devices_work_side_by_side(variants):
    facts = {"android:1": DeviceFacts("android:1"), "local": DeviceFacts("local", {"cores": 1})}
    scenario = Scenario(
        "s",
        (FamilyModels("net", ("fp32",)),),
        (DeviceSelector(terms=(("platform", "=", "*"),)),),
        (MatrixBlock(("tflite",), threads=(1, 2)),),
        loads=(Sustained(100),),
        repeats=Repeats(3, 3),
    )
    plan = expand(scenario, facts, variants)
    made = estimate(plan)
    one = 100 + TRIAL_OVERHEAD_S
    assert made.device_seconds == {"android:1": 6 * one, "local": 3 * one}
    assert made.seconds == 6 * one
    assert set(made.cell_seconds) == {trial.cell.key for trial in plan.trials}
    assert set(made.cell_seconds.values()) == {3 * one}
    assert "devices work side by side" in made.assumptions


def test_what_is_taken_for_granted_is_said():
    plan = plan_of(Burst())
    assert any("latency is unknown for 1 of 1 cells" in line for line in estimate(plan).assumptions)
    known = estimate(plan, {latency_key(plan.trials[0].cell): 0.1})
    assert not any("unknown" in line for line in known.assumptions)


def test_nothing_takes_no_time():
    made = estimate(Plan((), ()))
    assert (made.seconds, made.device_seconds, made.cell_seconds) == (0.0, {}, {})


def test_latency_depends_on_everything_but_the_load():
    def key(**changes) -> str:
        settings = {"threads": 1, "batch": 1, "load": Burst()} | changes
        return latency_key(Cell("local", VARIANT, "tflite", "cpu", **settings))

    assert key() == key(load=Cold())
    different = [
        key(),
        key(threads=2),
        key(batch=2),
        key(shapes={"x": (1,)}),
        key(options={"a": 1}),
    ]
    assert len(set(different)) == 5


def test_idle_for_energy_is_counted_before_and_after_each_timed_trial() -> None:
    timed = Cell("local", VARIANT, "tflite", "cpu", 1, 1, Sustained(seconds=100))
    memory = replace(timed, purpose="memory")
    trials = tuple(Trial(f"{one.key}-r0", one, 0, 0) for one in (timed, memory))
    plain, idling = estimate(Plan(trials, ())), estimate(Plan(trials, (), idle_seconds=60.0))
    assert idling.seconds - plain.seconds == pytest.approx(120.0)


def test_pulling_the_cable_and_a_warm_up_without_a_host_are_counted() -> None:
    cell = Cell("android:A", VARIANT, "tflite", "cpu", 1, 1, Burst(STEADY, 50))
    others = (replace(cell, load=Cold()), replace(cell, purpose="memory"))
    trials = tuple(Trial(f"{one.key}-r0", one, 0, 0) for one in (cell, *others))
    plain, detached = estimate(Plan(trials, ())), estimate(Plan(trials, (), detached=True))
    assert detached.seconds - plain.seconds == pytest.approx(UNPLUG_S + 9)
