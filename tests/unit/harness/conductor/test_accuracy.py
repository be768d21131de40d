"""The accuracy pass on the scripted device: quantized scores in, figures in the record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.conditions import Gates
from harness.conductor.accuracy import CHUNK
from harness.conductor.conductor import Conductor, RunContext, TrialJob
from harness.conductor.inputs import InputFactory
from harness.conductor.progress import Silent
from harness.models.evaluation import Task, file_task
from harness.plan.matrix import ACCURACY_LOAD
from harness.record import Cause, DeviceFacts, Outcome, RunPlan, TrialRecord
from harness.scenario import AccuracyPass, Prepare, Require
from harness.store.store import ResultsStore
from harness.variant import TensorSpec

SAMPLES = CHUNK + 6


def task(labels: np.ndarray | None, metrics: tuple[str, ...] = ()) -> Task:
    return Task("made-up", "test", "e" * 64, {"x": np.zeros((SAMPLES, 4))}, labels, metrics)


@pytest.fixture
def examine(tmp_path: Path, scripted, make_trial):
    def run(task_for) -> TrialRecord:
        trial = make_trial(ACCURACY_LOAD, purpose="accuracy")
        store = ResultsStore(tmp_path / "results")
        writer = store.create_run(RunPlan("run", "test", None, "2026-01-01T00:00:00Z", (trial,)))
        facts = DeviceFacts("local")
        context = RunContext("run", facts, {}, Gates(), 1.0, None, Require(), Prepare())
        inputs = InputFactory(tmp_path / "inputs")
        conductor = Conductor(scripted, context, inputs, scripted.clock, scripted.cancel, Silent())
        (tmp_path / "model").write_bytes(b"model")
        conductor.run(
            TrialJob(trial, tmp_path / "model", None, task_for), writer.begin_trial(trial)
        )
        writer.close("complete")
        (record,) = store.resolve("run").records()
        return record

    return run


def test_the_figures_and_answers_are_in_the_stored_record(examine, scripted, tmp_path) -> None:
    labels = np.arange(SAMPLES) % 2
    labels[:7] = 0
    record = examine(lambda specs: task(labels))
    assert record.outcome is Outcome.OK, record.failure
    right = SAMPLES - 3  # of the first seven, every second one is of class 1
    assert record.metrics["accuracy_top1"] == right / SAMPLES
    assert set(record.metrics) == {"size_bytes", "accuracy_top1", "accuracy_f1"}
    accuracy = record.accuracy
    assert accuracy is not None
    low, high = accuracy.intervals["accuracy_top1"]
    assert low < right / SAMPLES < high
    assert accuracy.answers.split() == [str(n % 2) for n in range(SAMPLES)]
    assert accuracy.correct == "1010101" + "1" * (SAMPLES - 7)
    assert [name for name in scripted.calls.names if name.startswith("infer")] == [
        f"infer 0 to {CHUNK}",
        f"infer {CHUNK} to {SAMPLES}",
    ]
    assert list((tmp_path / "inputs").iterdir()) == []  # the device has them
    assert {item.id for item in record.findings}.isdisjoint({"FEW-SAMPLES", "SHORT-RUN"})


def test_without_labels_there_are_answers_to_compare_and_no_figures(examine) -> None:
    record = examine(lambda specs: task(None))
    assert record.outcome is Outcome.OK
    assert set(record.metrics) == {"size_bytes"}
    assert record.accuracy is not None
    assert (record.accuracy.correct, record.accuracy.answers[:7]) == ("", "0 1 0 1")


@pytest.mark.parametrize(
    ("labels", "metrics", "problem"),
    [
        (None, ("top1",), "made-up has no labels for top1"),
        (np.zeros(3, np.int64), (), "has 3 labels, the model gives 70 answers"),
        (np.full(SAMPLES, 2), (), "has the labels 2 to 2, the model tells 2 classes apart"),
    ],
)
def test_data_that_do_not_fit_fail_the_trial_in_one_line(examine, labels, metrics, problem) -> None:
    record = examine(lambda specs: task(labels, metrics))
    assert record.failure is not None
    assert record.failure.cause is Cause.REJECTED
    assert problem in record.failure.message


def test_a_file_is_asked_with_the_users_own_tensors(examine, tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    values = np.random.default_rng(0).random((10, 4), dtype=np.float32)
    np.savez(path, x=values, labels=np.arange(10) % 2)
    record = examine(lambda specs: file_task(specs, AccuracyPass(path, ("top1",))))
    assert record.metrics["accuracy_top1"] == 1.0
    assert record.accuracy is not None
    assert (record.accuracy.dataset, record.accuracy.split) == ("own.npz", "given")


def test_random_inputs_are_the_same_for_every_file_and_ask_for_agreement() -> None:
    specs = (TensorSpec("x", "float32", (1, 4)), TensorSpec("n", "int8", (1, 3), 0.5, 3))
    first, second = (file_task(specs, AccuracyPass("random")) for _ in range(2))
    assert (first.digest, first.labels) == (second.digest, None)
    assert {name: array.dtype.kind for name, array in first.feeds.items()} == {"x": "f", "n": "f"}
