"""Which cells a scenario has, and why the others are left out."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.errors import CatalogueError
from harness.plan import expand, label
from harness.record import DeviceFacts, Skip
from harness.scenario import (
    Burst,
    Cold,
    DeviceSelector,
    Exclusion,
    FamilyModels,
    FileModel,
    MatrixBlock,
    MemoryPass,
    Prepare,
    Repeats,
    Scenario,
    Sustained,
)
from harness.scenario_file.engines import obstacle

NET = FamilyModels("net", ("fp32", "int8-static"))
ONE = FamilyModels("net", ("fp32",))
BURST = (Burst(),)


def scenario(*blocks: MatrixBlock, **more) -> Scenario:
    settings = {"models": (ONE,), "loads": BURST, "repeats": Repeats(1, 1)} | more
    return Scenario("s", blocks=blocks, **settings)


def labels(plan) -> list[str]:
    return sorted(label(trial.cell) for trial in plan.trials)


def reasons(plan) -> dict[str, str]:
    return {skip.what: skip.reason for skip in plan.skips}


def test_the_product_of_a_block(variants, local):
    block = MatrixBlock(("tflite", "onnxruntime"), threads=(1, 4), batches=(1, 8))
    plan = expand(scenario(block, models=(NET,), loads=(Burst(), Cold())), local, variants)
    assert len(plan.trials) == 2 * 2 * 2 * 2 * 2
    assert plan.skips == ()
    assert plan.devices == ("local",)
    assert "net/int8-static onnxruntime cpu t4 b8 cold" in labels(plan)


def test_cells_that_two_blocks_name_are_there_once(variants, local):
    blocks = (MatrixBlock(("tflite",), threads=(1, 2)), MatrixBlock(("tflite",), threads=(2, 4)))
    assert labels(expand(scenario(*blocks), local, variants)) == [
        "net/fp32 tflite cpu t1 b1 burst",
        "net/fp32 tflite cpu t2 b1 burst",
        "net/fp32 tflite cpu t4 b1 burst",
    ]


def test_options_are_part_of_the_cell(variants, local):
    block = MatrixBlock(("tflite",), options=({"xnnpack": True}, {"xnnpack": False}))
    plan = expand(scenario(block), local, variants)
    assert [trial.cell.options for trial in plan.trials] in (
        [{"xnnpack": True}, {"xnnpack": False}],
        [{"xnnpack": False}, {"xnnpack": True}],
    )
    assert len({trial.id for trial in plan.trials}) == 2


def test_each_entry_of_shapes_is_a_cell(variants, local):
    model = FileModel(Path("/m/bert.onnx"), ({"ids": (1, 128)}, {"ids": (1, 512)}))
    plan = expand(scenario(MatrixBlock(("onnxruntime",)), models=(model,)), local, variants)
    assert labels(plan) == [
        "bert onnxruntime cpu t1 b1 ids=1x128 burst",
        "bert onnxruntime cpu t1 b1 ids=1x512 burst",
    ]


@pytest.mark.parametrize(
    ("block", "what", "reason"),
    [
        (
            MatrixBlock(("tflite",), ("gpu",)),
            "net/fp32 tflite gpu t1 b1 burst",
            "the delegate gpu of tflite is not on this device (local)",
        ),
        (
            MatrixBlock(("onnxruntime",), ("gpu",)),
            "net/fp32 onnxruntime gpu t1 b1 burst",
            "onnxruntime has no delegate gpu",
        ),
        (
            MatrixBlock(("onnxruntime",), options=({"xnnpack": True},)),
            "net/fp32 onnxruntime cpu t1 b1 xnnpack=True burst",
            "onnxruntime has no option xnnpack",
        ),
        (
            MatrixBlock(("onnxruntime",), options=({"load": "mmap"},)),
            "net/fp32 onnxruntime cpu t1 b1 load=mmap burst",
            "onnxruntime has no load: mmap, only file and buffer",
        ),
        (
            MatrixBlock(("tflite",), ("xnnpack",), options=({"xnnpack": False},)),
            "net/fp32 tflite xnnpack t1 b1 xnnpack=False burst",
            "xnnpack: false contradicts the delegate xnnpack",
        ),
        (
            MatrixBlock(("tflite",), threads=(8,)),
            "net/fp32 tflite cpu t8 b1 burst",
            "8 threads on a device of 4 cores would measure the scheduler",
        ),
        (MatrixBlock(("coreml",), ("all",)), "net coreml", "no model can be made for coreml yet"),
    ],
)
def test_what_cannot_be_measured_is_skipped_with_its_reason(variants, local, block, what, reason):
    plan = expand(scenario(block), local, variants)
    assert plan.trials == ()
    assert plan.skips == (Skip("local", what, reason),)


def test_a_file_of_another_engine_is_skipped(variants, local):
    block = MatrixBlock(("tflite", "onnxruntime"))
    plan = expand(scenario(block, models=(FileModel(Path("/m/my.onnx")),)), local, variants)
    assert labels(plan) == ["my onnxruntime cpu t1 b1 burst"]
    assert reasons(plan) == {"my tflite": "tflite loads .tflite files, not .onnx"}


def test_a_variant_that_lacks_a_format_is_skipped(variants, local):
    models = (FamilyModels("net", ("fp32", "tflite-only")),)
    plan = expand(scenario(MatrixBlock(("tflite", "onnxruntime")), models=models), local, variants)
    assert len(plan.trials) == 3
    assert reasons(plan) == {"net/tflite-only onnxruntime": "there is no onnx form of this variant"}


def test_an_unknown_family_is_an_error(variants, local):
    wrong = scenario(MatrixBlock(("tflite",)), models=(FamilyModels("nobody", ("fp32",)),))
    with pytest.raises(CatalogueError):
        expand(wrong, local, variants)


@pytest.mark.parametrize(
    ("match", "left"),
    [
        ({"variant": "int8*"}, ["fp32 mmap", "fp32 buffer"]),
        ({"precision": "fp32", "load": "burst"}, ["int8-static mmap", "int8-static buffer"]),
        ({"threads": "2"}, ["fp32 mmap", "fp32 buffer", "int8-static mmap", "int8-static buffer"]),
        ({"device": "local"}, []),
    ],
)
def test_exclusions(variants, local, match, left):
    block = MatrixBlock(("tflite",), options=({"load": "mmap"}, {"load": "buffer"}))
    planned = scenario(block, models=(NET,), exclude=(Exclusion(match, "known bug 7"),))
    plan = expand(planned, local, variants)
    found = [f"{trial.cell.variant.name} {trial.cell.options['load']}" for trial in plan.trials]
    assert sorted(found) == sorted(left)
    assert set(reasons(plan).values()) <= {"excluded: known bug 7"}
    assert len(plan.trials) + len(plan.skips) == 4


def test_exclusions_write_switches_as_yaml_does(variants, local):
    block = MatrixBlock(("tflite",), options=({"xnnpack": True}, {"xnnpack": False}))
    planned = scenario(block, exclude=(Exclusion({"xnnpack": "false"}, "slow"),))
    (trial,) = expand(planned, local, variants).trials
    assert trial.cell.options == {"xnnpack": True}


def test_the_memory_pass_has_its_own_cells(variants, local):
    block = MatrixBlock(("tflite",), threads=(1, 2))
    planned = scenario(
        block,
        loads=(Burst(), Cold()),
        memory=MemoryPass(settle_minutes=2, every_seconds=10, readings=3),
        repeats=Repeats(2, 5, 0.02),
    )
    plan = expand(planned, local, variants)
    memory = [trial for trial in plan.trials if trial.cell.purpose == "memory"]
    assert {trial.cell.load for trial in memory} == {Sustained(seconds=2 * 60 + 3 * 10)}
    assert len(memory) == 2 * 2  # two cells, repeats.min each
    assert len(plan.trials) - len(memory) == 2 * 2 * 5
    assert "net/fp32 tflite cpu t1 b1 memory" in labels(plan)


def test_exclusions_of_a_load_leave_the_memory_pass_alone(variants, local):
    planned = scenario(
        MatrixBlock(("tflite",)),
        loads=(Sustained(seconds=60),),
        memory=MemoryPass(),
        exclude=(Exclusion({"load": "sustained"}, "no time"),),
    )
    assert labels(expand(planned, local, variants)) == ["net/fp32 tflite cpu t1 b1 memory"]


def test_when(variants, local):
    facts = local | {"android:1": DeviceFacts("android:1", {"soc": "Tensor G3"})}
    phones = MatrixBlock(
        ("tflite",), ("gpu",), when=DeviceSelector(terms=(("platform", "=", "android"),))
    )
    planned = scenario(
        MatrixBlock(("tflite",)),
        phones,
        devices=(DeviceSelector(address="local"), DeviceSelector(address="android:1")),
    )
    plan = expand(planned, facts, variants)
    assert sorted((t.cell.device_id, t.cell.delegate) for t in plan.trials) == [
        ("android:1", "cpu"),
        ("android:1", "gpu"),
        ("local", "cpu"),
    ]
    assert plan.skips == ()


def test_facts_that_nobody_asked_for_yet_are_guessed_and_marked(variants):
    facts = {"android:1": None, "android:2": None}
    new = DeviceSelector(terms=(("os", ">=", "13"),))
    planned = scenario(
        MatrixBlock(("tflite",), threads=(1, 64), when=new),
        devices=(DeviceSelector(terms=(("platform", "=", "android"),)),),
    )
    plan = expand(planned, facts, variants)
    assert len(plan.trials) == 4  # cores unknown: 64 threads are not held against it
    assert plan.unknown == ("android:1", "android:2")
    assert plan.skips == ()


def test_the_source_is_asked_once_per_model_and_format(variants, local):
    facts = local | {"android:1": None}
    everywhere = DeviceSelector(terms=(("platform", "=", "*"),))
    planned = scenario(
        MatrixBlock(("tflite",)), MatrixBlock(("tflite",), threads=(2,)), devices=(everywhere,)
    )
    expand(planned, facts, variants)
    assert variants.asked == [(ONE, "tflite")]


def test_no_device(variants):
    plan = expand(scenario(MatrixBlock(("tflite",))), {}, variants)
    assert plan.trials == ()
    assert plan.devices == ()
    (skip,) = plan.skips
    assert (skip.device_id, skip.what) == ("local", "every cell")


def test_ten_thousand_cells_take_less_than_three_seconds_of_cpu(variants, local):
    models = tuple(FamilyModels(f"net{n}", tuple(f"v{i}" for i in range(10))) for n in range(25))
    block = MatrixBlock(("tflite", "onnxruntime"), threads=(1, 2, 3, 4), batches=(1, 2, 4, 8, 16))
    started = time.process_time()
    plan = expand(scenario(block, models=models, repeats=Repeats(3, 3)), local, variants)
    assert len(plan.trials) == 30_000
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("engine", "delegate", "mode", "why"),
    [
        ("tflite", "gpu", "sustained-speed", None),
        ("tflite", "nnapi", "low-power", None),
        ("onnxruntime", "qnn", "burst", None),
        ("tflite", "gpu", "burst", "there are fast-single-answer, sustained-speed"),
        ("tflite", "cpu", "low-power", "it has none"),
    ],
)
def test_power_modes_are_those_of_the_delegate(engine, delegate, mode, why) -> None:
    found = obstacle("android", engine, delegate, {"power_mode": mode})
    assert found is None if why is None else why in found


def test_an_engine_that_no_runner_brings_to_a_phone_is_left_out(variants):
    block = MatrixBlock(("tflite", "onnxruntime"))
    phones = {
        "android:A": DeviceFacts("android:A", {"runner_engines": "tflite"}),
        "android:B": DeviceFacts("android:B", {"runner_engines": "onnxruntime, tflite"}),
    }
    selector = (DeviceSelector(terms=(("platform", "=", "android"),)),)
    plan = expand(scenario(block, devices=selector), phones, variants)
    assert len(plan.trials) == 3
    (skip,) = plan.skips
    assert (skip.device_id, "onnxruntime" in skip.what) == ("android:A", True)
    assert "there is: tflite" in skip.reason


def test_only_iphones_are_started_by_hand(variants):
    selector = (DeviceSelector(terms=(("platform", "=", "android"),)),)
    block = MatrixBlock(("tflite",))
    asked = scenario(block, devices=selector, prepare=Prepare(start="by_hand"))
    plan = expand(asked, {"android:A": DeviceFacts("android:A", {})}, variants)
    assert plan.trials == ()
    assert "only iPhones" in plan.skips[0].reason


def test_an_app_that_a_person_opens_starts_no_cold_trial(variants):
    selector = (DeviceSelector(terms=(("platform", "=", "ios"),)),)
    loads, start = (Cold(), Burst()), Prepare(start="by_hand")
    asked = scenario(MatrixBlock(("tflite",)), devices=selector, loads=loads, prepare=start)
    plan = expand(asked, {"ios:A": DeviceFacts("ios:A", {})}, variants)
    assert {type(trial.cell.load) for trial in plan.trials} == {Burst}
    assert [skip.reason.partition(";")[0] for skip in plan.skips] == [
        "a cold start needs a process of its own"
    ]


def test_iphones_and_android_phones_do_without_their_cable(variants):
    phones = {name: DeviceFacts(name, {}) for name in ("android:A", "ios:B")}
    selector = tuple(DeviceSelector(terms=(("platform", "=", one),)) for one in ("android", "ios"))
    asked = scenario(MatrixBlock(("tflite",)), devices=selector, detached=True)
    plan = expand(asked, phones, variants)
    assert {trial.cell.device_id for trial in plan.trials} == set(phones)


def test_what_needs_its_cable_is_left_out_of_a_detached_run(variants, local):
    loads = (Burst(), Cold())
    plan = expand(scenario(MatrixBlock(("tflite",)), loads=loads, detached=True), local, variants)
    assert [trial.cell.load for trial in plan.trials] == [Cold()]
    assert reasons(plan) == {
        "net/fp32 tflite cpu t1 b1 burst": "local cannot measure without its cable"
    }
