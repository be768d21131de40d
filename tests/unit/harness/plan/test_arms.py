"""Two arms: what each measures, which cells cannot be compared, and in which order quads run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.plan import expand
from harness.plan.order import trials
from harness.record import Cell, DeviceFacts
from harness.scenario import (
    Arm,
    Arms,
    Burst,
    DeviceSelector,
    FamilyModels,
    FileModel,
    MatrixBlock,
    Order,
    Repeats,
    Scenario,
)
from harness.variant import ModelFormat, Variant

FACTS = DeviceFacts("local", {"platform": "local", "cores": 8})
PHONE = DeviceFacts("android:1", {"platform": "android", "cores": 8})


class Source:
    """Families in both formats; a file's digest is its stem."""

    def __init__(self) -> None:
        self.asked: list[Path] = []

    def variants(self, ref: FamilyModels | FileModel, fmt: ModelFormat) -> Sequence[Variant]:
        if isinstance(ref, FileModel):
            self.asked.append(ref.path)
            return [Variant(ref.path.stem, "file", fmt, f"file-{ref.path.stem}", 2)]
        return [Variant(ref.family, name, fmt, f"{name}-{fmt}", 1, name) for name in ref.variants]

    def no_accuracy(self, ref: object, accuracy: object) -> None:
        return None


def plan(arms: Arms, facts: DeviceFacts = FACTS, source: Source | None = None, **changes: object):
    scenario = Scenario(
        "s",
        (FamilyModels("net", ("fp32",)),),
        devices=(DeviceSelector(address=facts.device_id),),
        blocks=(MatrixBlock(("tflite", "onnxruntime")),),
        loads=(Burst(),),
        repeats=Repeats(4, 4),
        order=Order("abba"),
        arms=arms,
    )
    return expand(replace(scenario, **changes), {facts.device_id: facts}, source or Source())


def of(planned, engine: str) -> dict[str, Cell]:
    return {t.cell.arm: t.cell for t in planned.trials if t.cell.engine == engine}


def test_each_arm_has_its_own_options_and_builds():
    arms = Arms(
        Arm(builds={"tflite": "litert 1, sha256 aa"}),
        Arm(options={"load": "buffer"}, builds={"tflite": "litert 2, sha256 bb"}),
    )
    cells = of(plan(arms), "tflite")
    assert cells["reference"].options == {}
    assert cells["candidate"].options == {"load": "buffer"}
    assert cells["reference"].build == "litert 1, sha256 aa"
    assert cells["candidate"].build == "litert 2, sha256 bb"
    assert cells["reference"].key != cells["candidate"].key


def test_a_file_takes_the_place_and_the_name_of_a_model():
    arms = Arms(candidate=Arm(models={"net*": Path("/x/new.tflite")}))
    planned = plan(arms)
    cells = of(planned, "tflite")
    assert cells["reference"].variant.digest == "fp32-tflite"
    assert cells["candidate"].variant.digest == "file-new"
    assert cells["candidate"].variant.label == "net/fp32"
    assert not of(planned, "onnxruntime")
    (skip,) = planned.skips
    assert "candidate arm: onnxruntime loads .onnx files, not new.tflite" in skip.reason


def test_a_pattern_may_name_the_format():
    arms = Arms(
        candidate=Arm(models={"net/fp32 onnx": Path("/x/b.onnx"), "net": Path("/x/a.tflite")})
    )
    planned = plan(arms)
    assert of(planned, "onnxruntime")["candidate"].variant.digest == "file-b"
    assert of(planned, "tflite")["candidate"].variant.digest == "file-a"


def test_arms_that_differ_in_nothing_are_skipped_with_the_reason():
    planned = plan(Arms())
    assert planned.trials == ()
    assert {skip.reason.partition(";")[0] for skip in planned.skips} == {
        "the arms differ in nothing here"
    }


def test_equal_builds_by_two_interpreters_are_no_difference():
    same = {"tflite": "x", "onnxruntime": "y"}
    arms = Arms(Arm(builds=same), Arm(python=Path("/venv/bin/python"), builds=same))
    assert plan(arms).trials == ()


def test_an_interpreter_whose_builds_are_not_known_yet_is_a_difference():
    assert plan(Arms(candidate=Arm(python=Path("/venv/bin/python")))).trials


def test_equal_arms_can_be_asked_for():
    assert {trial.cell.arm for trial in plan(Arms(equal=True)).trials} == {"reference", "candidate"}


def test_an_option_that_the_engine_lacks_skips_the_pair():
    planned = plan(Arms(candidate=Arm(options={"xnnpack": False})))
    assert {trial.cell.engine for trial in planned.trials} == {"tflite"}
    (skip,) = planned.skips
    assert skip.reason == "candidate arm: onnxruntime has no option xnnpack"


def test_another_interpreter_is_for_the_local_device_only():
    planned = plan(Arms(candidate=Arm(python=Path("/venv/bin/python"))), PHONE)
    assert planned.trials == ()
    assert {skip.reason for skip in planned.skips} == {
        "candidate arm: it names no build for android (python is for local, runner for android)"
    }


def test_phones_have_runner_files_in_place_of_interpreters():
    arms = Arms(
        Arm(builds={"tflite": "mine", "android": "runner files, sha256 aa"}),
        Arm(runner=Path("/next"), builds={"tflite": "mine", "android": "runner files, sha256 bb"}),
    )
    cells = of(plan(arms, PHONE), "tflite")
    assert cells["reference"].build == "runner files, sha256 aa"
    assert cells["candidate"].build == "runner files, sha256 bb"
    assert plan(arms).trials == ()  # the runner of phones says nothing about this machine


def test_quads_are_next_to_each_other_and_take_turns():
    planned = plan(Arms(equal=True)).trials
    quads: dict[int | None, list[str]] = {}
    for trial in planned:
        quads.setdefault(trial.quad, []).append(trial.cell.arm)
    assert [trial.quad for trial in planned] == [n // 4 for n in range(16)]
    assert [trial.quad_place for trial in planned] == [0, 1, 2, 3] * 4
    a, b = "reference", "candidate"
    assert list(quads.values()) == [[a, b, b, a]] * 2 + [[b, a, a, b]] * 2
    for quad in quads:
        assert len({t.cell.engine for t in planned if t.quad == quad}) == 1


def test_every_repeat_of_every_arm_once():
    planned = plan(Arms(equal=True), repeats=Repeats(2, 6, 0.02)).trials
    assert len({trial.id for trial in planned}) == len(planned) == 24
    assert {trial.repeat for trial in planned} == set(range(6))


def test_passes_of_one_trial_are_in_no_quad():
    timed = of(plan(Arms(equal=True)), "tflite")
    asked = [replace(cell, purpose="accuracy") for cell in timed.values()]
    cells = [*timed.values(), *asked]
    planned = trials(cells, Order("abba"), Repeats(2, 2))
    assert [trial.quad for trial in planned] == [0, 0, 0, 0, None, None]


def test_the_ranking_is_the_order_of_the_scenario():
    planned = plan(Arms(equal=True))
    engines = {trial.cell.key: trial.cell.engine for trial in planned.trials}
    assert [engines[key] for key in planned.ranking] == ["tflite"] * 2 + ["onnxruntime"] * 2


def test_a_cell_without_an_arm_keeps_its_key():
    variant = Variant("net", "fp32", ModelFormat.TFLITE, "ab", 1)
    cell = Cell("local", variant, "tflite", "cpu", 1, 1, Burst())
    assert cell.key == "net-fp32-tflite-cpu-t1-b1-burst-4059c53f"


@pytest.mark.parametrize("arm", ["reference", "candidate"])
def test_the_arm_is_part_of_the_key(arm):
    variant = Variant("net", "fp32", ModelFormat.TFLITE, "ab", 1)
    cell = Cell("local", variant, "tflite", "cpu", 1, 1, Burst(), arm=arm)
    assert f"-{arm}-" in cell.key


def test_each_model_is_replaced_by_its_own_file():
    names = [f"net{number}" for number in range(8)]
    old, new = ({name: Path(f"/x/{name}-{age}.tflite") for name in names} for age in ("old", "new"))
    source = Source()
    planned = plan(
        Arms(Arm(models=old), Arm(models=new)),
        source=source,
        models=tuple(FamilyModels(name, ("fp32",)) for name in names),
        blocks=(MatrixBlock(("tflite",), threads=(1, 2)),),
    )
    digests = {(t.cell.variant.model, t.cell.arm): t.cell.variant.digest for t in planned.trials}
    assert digests == {
        (name, arm): f"file-{name}-{age}"
        for name in names
        for arm, age in (("reference", "old"), ("candidate", "new"))
    }
    # Each file once, although four cells want it: what was learned is known by the file.
    assert sorted(source.asked) == sorted([*old.values(), *new.values()])
