"""What holds for the plan of any scenario."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.plan import estimate, expand
from harness.record import DeviceFacts
from harness.scenario import (
    Burst,
    Cold,
    DeviceSelector,
    Exclusion,
    FamilyModels,
    FileModel,
    MatrixBlock,
    MemoryPass,
    Offline,
    Order,
    Repeats,
    Scenario,
)

# The source is a fixture without state that a further example could see.
ANY = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def some(*values, least: int = 1):
    return st.lists(st.sampled_from(values), min_size=least, max_size=3).map(tuple)


blocks = st.builds(
    MatrixBlock,
    engines=some("tflite", "onnxruntime", "coreml"),
    delegates=some("cpu", "xnnpack", "gpu", "all"),
    threads=some(1, 2, 4, 8),
    batches=some(1, 8),
    when=st.sampled_from([None, DeviceSelector(terms=(("platform", "=", "android"),))]),
    options=some({}, {"xnnpack": False}, {"load": "buffer"}, {"load": "file"}),
)
models = some(
    FamilyModels("net", ("fp32", "int8-static")),
    FamilyModels("other", ("tflite-only",)),
    FileModel(Path("/m/a.onnx"), ({"x": (1, 2)}, {"x": (1, 3)})),
    FileModel(Path("/m/b.tflite")),
)
scenarios = st.builds(
    Scenario,
    name=st.just("s"),
    models=models,
    devices=some(DeviceSelector(address="local"), DeviceSelector(terms=(("cores", ">=", "4"),))),
    blocks=st.lists(blocks, min_size=1, max_size=3).map(tuple),
    exclude=some(Exclusion({"variant": "int8*"}, "why"), Exclusion({"load": "cold"}, "w"), least=0),
    loads=some(Burst(), Cold(), Offline()),
    repeats=st.integers(1, 3).map(lambda n: Repeats(1, n, 0.1)),
    order=st.builds(Order, st.sampled_from(["interleaved", "blocked"]), st.integers(0, 2**53)),
    memory=st.sampled_from([None, MemoryPass()]),
)
facts = st.fixed_dictionaries(
    {"local": st.sampled_from([None, DeviceFacts("local", {"cores": 2})])},
    optional={"android:1": st.sampled_from([None, DeviceFacts("android:1", {"cores": 8})])},
)


@ANY
@given(scenarios, facts)
def test_any_plan(variants, scenario, facts):
    plan = expand(scenario, facts, variants)
    cells = {trial.cell.key: trial.cell for trial in plan.trials}

    assert plan == expand(scenario, dict(reversed(facts.items())), variants)
    assert len({trial.id for trial in plan.trials}) == len(plan.trials)
    assert [trial.order for trial in plan.trials] == list(range(len(plan.trials)))
    timing = sum(cell.purpose == "timing" for cell in cells.values())
    expected = timing * scenario.repeats.max + (len(cells) - timing) * scenario.repeats.min
    assert len(plan.trials) == expected

    assert all(skip.reason and skip.what and skip.device_id for skip in plan.skips)
    assert len({(skip.device_id, skip.what) for skip in plan.skips}) == len(plan.skips)
    assert {cell.device_id for cell in cells.values()} <= set(plan.devices) <= set(facts)
    assert set(plan.unknown) <= {name for name, known in facts.items() if known is None}

    made = estimate(plan)
    assert set(made.cell_seconds) == set(cells)
    assert sum(made.device_seconds.values()) <= made.seconds * max(1, len(plan.devices)) + 1e-6


@ANY
@given(scenarios, facts)
def test_every_point_of_the_matrix_is_a_cell_or_a_skip(variants, scenario, facts):
    """Counted naively, on the devices that take part, for families that have both formats."""
    only = FamilyModels("net", ("fp32",))
    plan = expand(
        Scenario("s", (only,), scenario.devices, scenario.blocks, scenario.exclude, scenario.loads),
        facts,
        variants,
    )
    points = {
        (device, engine, delegate, threads, batch, tuple(options.items()), load)
        for device in plan.devices
        for block in scenario.blocks
        if block.when is None or device == "android:1"
        for engine in block.engines
        if engine != "coreml"
        for delegate in block.delegates
        for threads in block.threads
        for batch in block.batches
        for options in block.options
        for load in scenario.loads
    }
    cells = {trial.cell.key for trial in plan.trials}
    skips = [s for s in plan.skips if s.what != "every cell" and not s.what.endswith("coreml")]
    assert len(cells) + len(skips) == len(points)
