"""The accuracy pass in the matrix: one trial of each cell that has data, skips for the others."""

from __future__ import annotations

import pytest

from harness.errors import CatalogueError
from harness.models.evaluation import check_dataset
from harness.plan import expand
from harness.scenario import AccuracyPass, Burst, FamilyModels, MatrixBlock, Repeats, Scenario


@pytest.fixture
def scenario() -> Scenario:
    return Scenario(
        "s",
        (FamilyModels("labelled", ("fp32", "int8")), FamilyModels("other", ("fp32",))),
        blocks=(MatrixBlock(("tflite",), threads=(1, 2), batches=(1, 8)),),
        loads=(Burst(),),
        repeats=Repeats(3, 3),
        accuracy=AccuracyPass("digits"),
    )


def test_one_trial_with_a_batch_of_one_for_each_variant_and_setting(
    scenario, local, variants
) -> None:
    plan = expand(scenario, local, variants)
    asked = [trial.cell for trial in plan.trials if trial.cell.purpose == "accuracy"]
    assert sorted((cell.variant.name, cell.threads, cell.batch) for cell in asked) == [
        ("fp32", 1, 1),
        ("fp32", 2, 1),
        ("int8", 1, 1),
        ("int8", 2, 1),
    ]
    assert all("-accuracy-" in cell.key for cell in asked)
    timed = [trial for trial in plan.trials if trial.cell.purpose == "timing"]
    assert len(timed) == 3 * 3 * 2 * 2  # repeats, variants, threads, batches


def test_a_model_without_data_is_skipped_with_the_reason(scenario, local, variants) -> None:
    skips = [(skip.what, skip.reason) for skip in expand(scenario, local, variants).skips]
    assert ("other/fp32 tflite cpu t1 b1 accuracy", "no labels") in skips
    assert len(skips) == 2  # one for each thread count


def test_an_unknown_dataset_is_told_with_the_nearest() -> None:
    with pytest.raises(CatalogueError, match="unknown dataset 'digit'; did you mean 'digits'"):
        check_dataset(AccuracyPass("digit"))
