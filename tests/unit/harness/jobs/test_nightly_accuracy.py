"""Accuracy of two arms on made-up answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.jobs.nightly import Night, Status
from harness.jobs.nightly_accuracy import accuracy_rows
from harness.jobs.nightly_files import document, entries, junit, markdown
from harness.record import Accuracy, DeviceFacts, Outcome, RunPlan, Trial, TrialRecord
from harness.stats.comparison import Verdict

SAMPLES = 200


def answers(right: int, digest: str = "d", labels: bool = True) -> Accuracy:
    """The first ``right`` of the samples are answered as labelled."""
    correct = "".join("1" if n < right else "0" for n in range(SAMPLES))
    given = " ".join("3" if n < right else "4" for n in range(SAMPLES))
    return Accuracy("digits", "test", digest, SAMPLES, {}, given, correct if labels else "")


@pytest.fixture
def run(lab, cell):
    """A run of an accuracy pass on two arms; None is an arm that failed."""

    def make(*given: Accuracy | None):
        base = cell(purpose="accuracy")
        cells = [replace(base, arm=arm) for arm in ("reference", "candidate")]
        trials = tuple(Trial(f"{one.key}-r0", one, 0, n) for n, one in enumerate(cells))
        plan = RunPlan(
            "r",
            "made-up",
            None,
            "2026-01-01T00:00:00+00:00",
            trials,
            ranking=tuple(one.key for one in cells),
            facts={"local": DeviceFacts("local", {"platform": "local"})},
        )
        writer = lab.store.create_run(plan)
        for trial, accuracy in zip(trials, given, strict=True):
            attempt = writer.begin_trial(trial)
            share = accuracy.correct.count("1") / SAMPLES if accuracy else 0.0
            attempt.finish(
                TrialRecord(
                    writer.run_id,
                    trial,
                    1,
                    Outcome.OK if accuracy else Outcome.FAILED,
                    plan.created_at,
                    plan.created_at,
                    accuracy=accuracy,
                    metrics={"accuracy_top1": share} if accuracy else {},
                ),
                "",
            )
        writer.close("complete")
        return lab.store.resolve(writer.run_id)

    return make


@pytest.mark.parametrize(
    ("reference", "candidate", "status", "verdict", "told"),
    [
        (answers(190), answers(190), Status.GOOD, Verdict.INCONCLUSIVE, "0.0 % of samples lost"),
        (answers(190), answers(170), Status.REGRESSION, Verdict.WORSE, "10.0 % of samples lost"),
        (answers(170), answers(190), Status.GOOD, Verdict.BETTER, "better (p = "),
        (answers(190), answers(188), Status.GOOD, Verdict.INCONCLUSIVE, "no difference shown"),
        (answers(190), answers(9, "e"), Status.INCOMPARABLE, Verdict.INCOMPARABLE, "different"),
        (answers(190), None, Status.INCOMPLETE, Verdict.INCONCLUSIVE, "no valid trial"),
        (answers(9, labels=False), answers(8, labels=False), Status.GOOD, Verdict.INCONCLUSIVE,
         "no labels; 99.5 % of answers agree"),
    ],
)  # fmt: skip
def test_verdicts(run, reference, candidate, status, verdict, told):
    (row,) = accuracy_rows(run(reference, candidate))
    assert (row.status, row.comparison.verdict) == (status, verdict)
    assert told in row.reason
    assert not row.suspected  # answers do not change from process to process


def test_a_loss_is_in_every_output(run):
    made = run(answers(190), answers(150))
    night = Night(tuple(accuracy_rows(made)), (made,))
    assert "<failure" in junit(night)
    assert "20.0 % of samples lost on balance, worse" in markdown(night, [])
    assert document(night, [])["regressions"] == 1
    (entry,) = entries(night)
    assert (entry.ratio, entry.status) == (None, "regression")
    assert (entry.reference, entry.candidate) == pytest.approx((0.95, 0.75))


def test_a_run_without_the_pass_has_no_rows(lab, cell):
    arms = (cell(arm="reference"), [10.0] * 4), (cell(arm="candidate"), [10.0] * 4)
    assert list(accuracy_rows(lab.run(*arms, order="abba"))) == []
