from __future__ import annotations

from dataclasses import replace

import pytest

from harness.record import Accuracy, Cell, Outcome, Trial, TrialRecord
from harness.scenario import Burst
from harness.validity.accuracy import loss_against, reference_for
from harness.variant import ModelFormat, Variant


def make_cell(name: str = "fp32", precision: str | None = None, **changes: object) -> Cell:
    digest = f"{name:0<64}"
    variant = Variant("net", name, ModelFormat.TFLITE, digest, 10, precision or name[:4])
    cell = Cell("local", variant, "tflite", "cpu", 1, 1, Burst(), purpose="accuracy")
    return replace(cell, **changes)


def make_record(cell: Cell, answers: str, correct: str = "", digest: str = "d") -> TrialRecord:
    shares = {"accuracy_top1": correct.count("1") / len(correct)} if correct else {}
    return TrialRecord(
        "run",
        Trial("t", cell, 0, 0),
        1,
        Outcome.OK,
        "",
        "",
        metrics=shares,
        accuracy=Accuracy("x", "test", digest, len(answers.split()), {}, answers, correct),
    )


def test_the_reference_is_fp32_of_the_same_engine_device_and_delegate() -> None:
    cpu, gpu = make_cell(), make_cell(delegate="gpu")
    others = [
        make_cell(engine="onnxruntime"),
        make_cell(device_id="android:1"),
        make_cell("fp32-distilled"),
        make_cell(purpose="timing"),
        replace(cpu, variant=replace(cpu.variant, model="other")),
    ]
    assert reference_for(make_cell("int8"), [*others, gpu, cpu]) == cpu
    assert reference_for(make_cell("int8", delegate="gpu"), [*others, cpu, gpu]) == gpu
    assert reference_for(make_cell("int8", delegate="npu"), [*others, gpu, cpu]) == cpu
    assert reference_for(make_cell("fp32-distilled"), [*others, cpu]) == cpu


def test_the_file_that_a_users_variant_was_made_from_is_its_reference() -> None:
    own = make_cell("file", "unknown")
    made = make_cell("int8")
    origin = {"source_digest": own.variant.digest}
    made = replace(made, variant=replace(made.variant, model="mine", origin=origin))
    assert reference_for(made, [make_cell("fp16"), own, made]) == own
    assert reference_for(own, [own, made]) is None


def test_nothing_is_its_own_reference_and_none_is_made_up() -> None:
    assert reference_for(make_cell(), [make_cell(), make_cell("fp32-distilled")]) is None
    assert reference_for(make_cell("int8"), [make_cell("int8"), make_cell("fp16")]) is None


def test_a_real_loss_is_told_from_chance() -> None:
    reference = make_record(make_cell(), "1 " * 20, "1" * 20)
    worse = loss_against(
        make_record(make_cell("int8"), "0 " * 8 + "1 " * 12, "0" * 8 + "1" * 12), reference
    )
    assert worse is not None
    assert worse.retention is not None
    assert worse.reference == "net/fp32"
    assert (worse.agreement.value, worse.retention.value) == (0.6, 0.6)
    assert worse.verdict == "worse (p = 0.0078)"
    chance = loss_against(
        make_record(make_cell("int8"), "0 0 " + "1 " * 18, "00" + "1" * 18), reference
    )
    assert chance is not None
    assert chance.verdict == "no difference shown (p = 0.5)"


def test_a_gain_is_called_better() -> None:
    reference = make_record(make_cell(), "0 " * 10 + "1 " * 10, "0" * 10 + "1" * 10)
    found = loss_against(make_record(make_cell("int8"), "1 " * 20, "1" * 20), reference)
    assert found is not None
    assert found.verdict.startswith("better")
    assert found.retention is not None
    assert found.retention.value == 2.0


def test_without_labels_only_agreement_is_told() -> None:
    found = loss_against(
        make_record(make_cell("int8"), "1 2 3 4"), make_record(make_cell(), "1 2 3 5")
    )
    assert found is not None
    assert (found.agreement.value, found.retention, found.verdict) == (0.75, None, "")
    assert not found.one_answer


def test_a_reference_that_always_answers_the_same_is_told() -> None:
    same = make_record(make_cell(), "7 7 7")
    found = loss_against(make_record(make_cell("int8"), "7 7 7"), same)
    assert found is not None
    assert found.one_answer


@pytest.mark.parametrize("other", [("1 2", "11", "e"), ("1 2 3", "111", "d")])
def test_models_that_were_asked_something_else_are_not_compared(
    other: tuple[str, str, str],
) -> None:
    reference = make_record(make_cell(), "1 2", "11", "d")
    assert loss_against(make_record(make_cell("int8"), *other), reference) is None
