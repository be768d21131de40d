from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.clock import ManualClock
from harness.device import Reading
from harness.errors import StoreError
from harness.record import Cause, Failure, Outcome
from harness.stats.operators import OperatorTime, Profile
from harness.store.store import ResultsStore


def test_a_trial_is_read_back_as_it_was_written(store: ResultsStore, make) -> None:
    writer = store.create_run(make.plan())
    trial = writer.plan.trials[0]
    attempt = writer.begin_trial(trial)
    attempt.add_block(*make.block(0, timed=False))
    attempt.add_block(*make.block(1))
    attempt.add_readings([Reading("rss", 10, 1.5), Reading("temp", 11, 40.0)])
    attempt.add_readings([Reading("rss", 20, 2.5)])

    so_far = attempt.samples()
    assert so_far.start_ns.tolist() == [0, 1000, 2000, 1_000_000, 1_001_000, 1_002_000]
    assert so_far.timed.tolist() == [False] * 3 + [True] * 3
    assert [block.seq for block in attempt.blocks()] == [0, 1]
    assert attempt.trace("rss").value.tolist() == [1.5, 2.5]
    assert len(attempt.trace("none")) == 0

    record = make.record(writer, attempt, metrics={"latency_p50_ns": 0.1})
    attempt.finish(record, "loaded\n")
    writer.close("complete")

    run = store.resolve("latest")
    reader = run.trial(trial.id)
    assert list(run.records()) == [record]
    assert run.missing() == ()
    assert reader.record == record
    for name in ("start_ns", "input_ns", "invoke_ns", "output_ns", "block", "timed"):
        assert np.array_equal(getattr(reader.samples(), name), getattr(so_far, name))
    assert reader.samples().intended_ns is None
    assert list(reader.blocks()) == [make.block(0, timed=False)[0], make.block(1)[0]]
    assert reader.trace_channels() == ("rss", "temp")
    assert reader.trace("rss").at_ns.tolist() == [10, 20]
    assert [sorted(stretch) for stretch in reader.iter_trace_batches()] == [["rss", "temp"]]
    assert reader.log() == "loaded\n"
    names = sorted(file.name for file in (run.folder / "trials" / trial.id).iterdir())
    assert names == ["blocks.parquet", "log.txt", "samples.parquet", "traces.parquet", "trial.json"]


def test_integers_are_stored_as_deltas_under_zstd(store: ResultsStore, make) -> None:
    writer = store.create_run(make.plan())
    make.measure(writer, writer.plan.trials[0])
    writer.close("complete")
    path = next(writer.folder.glob("trials/*/samples.parquet"))
    group = pq.ParquetFile(path).metadata.row_group(0)
    for index in range(group.num_columns):
        column = group.column(index)
        assert column.compression == "ZSTD"
        if column.path_in_schema != "timed":
            assert "DELTA_BINARY_PACKED" in column.encodings


def test_a_trial_that_measured_nothing_is_empty_not_an_error(store: ResultsStore, make) -> None:
    writer = store.create_run(make.plan())
    attempt = writer.begin_trial(writer.plan.trials[0])
    assert len(attempt.samples()) == len(attempt.blocks()) == 0
    failure = Failure(Cause.CRASHED, "the runner was ended by SIGSEGV", "SIGSEGV", "boom")
    attempt.finish(make.record(writer, attempt, Outcome.FAILED, failure=failure))
    writer.close("complete")
    reader = store.resolve("latest").trial(attempt.trial.id)
    assert reader.record.failure == failure
    assert len(reader.samples()) == len(reader.blocks()) == len(reader.trace("rss")) == 0
    assert reader.trace_channels() == ()
    assert reader.log() == ""


def test_a_periodic_trial_keeps_intended_starts(store: ResultsStore, make) -> None:
    writer = store.create_run(make.plan())
    attempt = writer.begin_trial(writer.plan.trials[0])
    attempt.add_block(*make.block(0, timed=False))
    attempt.add_block(*make.block(1, intended=True))
    attempt.finish(make.record(writer, attempt))
    writer.close("complete")
    samples = store.resolve("latest").trial(attempt.trial.id).samples()
    assert (samples.start_ns - samples.intended_ns).tolist() == [0, 0, 0, 11, 11, 11]


def test_a_retry_sets_the_earlier_attempt_aside_whole(store: ResultsStore, make) -> None:
    writer = store.create_run(make.plan())
    trial = writer.plan.trials[0]
    make.measure(writer, trial, Outcome.FAILED, blocks=1)
    assert writer.outcomes() == {trial.id: Outcome.FAILED}
    writer.close("interrupted")

    again = store.resume_run(writer.run_id)
    make.measure(again, trial, Outcome.FAILED, blocks=2)
    make.measure(again, trial, Outcome.OK, blocks=3)
    assert again.outcomes() == {trial.id: Outcome.OK}
    again.close("complete")

    run = store.resolve(writer.run_id)
    assert [(record.attempt, record.outcome) for record in run.records()] == [(3, Outcome.OK)]
    assert len(run.trial(trial.id).blocks()) == 3
    aside = run.folder / "superseded" / trial.id
    kept = [pq.read_metadata(aside / number / "blocks.parquet").num_rows for number in ("1", "2")]
    assert kept == [1, 2]


def test_a_skipped_trial_has_a_record_and_can_be_measured_later(store: ResultsStore, make) -> None:
    from dataclasses import replace

    first, second = make.trial(0), make.trial(1)
    writer = store.create_run(make.plan(first, second))
    attempt = writer.begin_trial(first)
    attempt.finish(make.record(writer, attempt))
    skipped = replace(
        make.record(writer, attempt, Outcome.SKIPPED, reason="no battery"), trial=second, attempt=0
    )
    writer.skip(skipped)
    writer.close("complete")
    assert [record.reason for record in store.resolve("latest").records()] == [None, "no battery"]

    again = store.resume_run("latest")
    make.measure(again, second)
    again.close("complete")
    records = list(store.resolve("latest").records())
    assert [record.outcome for record in records] == [Outcome.OK, Outcome.OK]


def test_planned_trials_without_a_record_are_missing(store: ResultsStore, make) -> None:
    trials = [make.trial(index) for index in range(3)]
    writer = store.create_run(make.plan(*trials))
    make.measure(writer, trials[2])
    writer.begin_trial(trials[0])
    run = store.resolve("latest")
    assert [record.trial for record in run.records()] == [trials[2]]
    assert run.missing() == (trials[0], trials[1])
    with pytest.raises(StoreError, match="no record of trial"):
        run.trial(trials[0].id)
    writer.close("interrupted")


def test_closing_a_run_gives_cut_off_trials_their_record(store: ResultsStore, make) -> None:
    writer = store.create_run(make.plan())
    attempt = writer.begin_trial(writer.plan.trials[0])
    attempt.add_block(*make.block(0, timed=False))
    attempt.add_block(*make.block(1))
    writer.close("interrupted")
    writer.close("complete")  # the second time does nothing
    record = next(store.resolve("latest").records())
    assert record.failure.cause is Cause.INTERRUPTED
    assert [found.id for found in record.findings] == ["RECOVERED"]
    assert "2 blocks with 3 timed inferences" in record.failure.message
    assert store.runs()[0].state == "interrupted"


def test_only_planned_trials_and_their_own_records_are_taken(store: ResultsStore, make) -> None:
    from dataclasses import replace

    writer = store.create_run(make.plan())
    with pytest.raises(ValueError, match="not in the plan"):
        writer.begin_trial(make.trial(5))
    attempt = writer.begin_trial(writer.plan.trials[0])
    with pytest.raises(ValueError, match="not the record of attempt 1"):
        attempt.finish(replace(make.record(writer, attempt), attempt=2))
    with pytest.raises(ValueError, match="ledger's own"):
        writer.note("finished", trial="x")
    writer.note("gate", waited_s=3.5)
    writer.close("interrupted")


def test_names_from_all_over_the_world_and_of_any_length(store: ResultsStore, make) -> None:
    names = ["модель " * 60, "модель " * 60 + "2", "模型/../../etc", "a" * 300, "🦊", "🐻"]
    trials = [make.trial(index, name) for index, name in enumerate(names)]
    writer = store.create_run(make.plan(*trials, label="лаборатория 🦊"))
    for trial in trials:
        make.measure(writer, trial)
    writer.close("complete")
    run = store.resolve("лаборатория 🦊")
    assert [record.trial for record in run.records()] == trials
    assert len(list((run.folder / "trials").iterdir())) == len(trials)


def test_several_devices_write_at_once(store: ResultsStore, make) -> None:
    trials = [make.trial(index) for index in range(12)]
    writer = store.create_run(make.plan(*trials))
    errors: list[Exception] = []

    def device(mine: list) -> None:
        try:
            for trial in mine:
                make.measure(writer, trial, blocks=5)
        except Exception as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=device, args=(trials[at::3],)) for at in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close("complete")
    assert not errors
    run = store.resolve("latest")
    assert [record.trial for record in run.records()] == trials
    assert all(len(run.trial(trial.id).blocks()) == 5 for trial in trials)


def test_long_trials_are_synced_every_five_seconds(
    store: ResultsStore, make, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = store.create_run(make.plan())
    attempt = writer.begin_trial(writer.plan.trials[0])
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    for seq in range(20):
        attempt.add_block(*make.block(seq))
        attempt.add_readings([Reading("rss", seq, 1.0)])
        clock.advance(10**9)
    assert len(synced) == 2 * 3  # samples and traces, at 5, 10 and 15 seconds
    monkeypatch.undo()
    writer.close("interrupted")
    assert len(store.resolve("latest").trial(attempt.trial.id).trace("rss")) == 15


def test_a_damaged_parquet_file_is_told_in_one_line(
    store: ResultsStore, make, finished_run, tmp_path: Path
) -> None:
    finished_run()
    run = store.resolve("latest")
    path = next(run.folder.glob("trials/*/samples.parquet"))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(StoreError, match=r"samples\.parquet: damaged") as caught:
        run.trial(run.plan.trials[0].id).samples()
    assert "\n" not in str(caught.value)


def test_what_a_profile_pass_found_is_read_back(store: ResultsStore, make) -> None:
    trial = make.trial()
    writer = store.create_run(make.plan(trial))
    attempt = writer.begin_trial(trial)
    profile = Profile("litert", 20, 5000, (OperatorTime(0, "Conv", "Conv", "CPU", 4000, 20),))
    attempt.add_profile(profile)
    attempt.finish(make.record(writer, attempt))
    stored = store.resolve(writer.run_id).trial(trial.id)
    assert stored.profile() == profile
    assert stored.outputs() is None
    (stored._folder / "profile.json").write_text('{"version": 1, "nodes": 3}')
    with pytest.raises(StoreError, match=r"profile\.json: damaged"):
        stored.profile()


def test_answers_keep_order_type_and_shape(store: ResultsStore, make) -> None:
    trial = make.trial()
    writer = store.create_run(make.plan(trial))
    attempt = writer.begin_trial(trial)
    answers = [np.full((1, place), place, np.int8) for place in range(12)]
    answers[3] = np.zeros((0, 4), np.float16)
    attempt.add_outputs(answers)
    attempt.finish(make.record(writer, attempt))
    stored = store.resolve(writer.run_id).trial(trial.id)
    found = stored.outputs()
    assert [(one.dtype, one.shape) for one in found] == [(one.dtype, one.shape) for one in answers]
    assert all(np.array_equal(ours, one) for ours, one in zip(found, answers, strict=True))
    assert stored.profile() is None
    (stored._folder / "outputs.npz").write_bytes(b"PK broken")
    with pytest.raises(StoreError, match=r"outputs\.npz"):
        stored.outputs()


def test_a_record_can_be_amended_when_the_run_is_known(store: ResultsStore, make) -> None:
    trial = make.trial()
    writer = store.create_run(make.plan(trial))
    attempt = writer.begin_trial(trial)
    record = make.record(writer, attempt)
    attempt.finish(record)
    amended = replace(record, outcome=Outcome.INVALID, reason="it fell back")
    writer.amend(amended)
    assert writer.outcomes() == {trial.id: Outcome.INVALID}
    assert store.resolve(writer.run_id).trial(trial.id).record == amended
    writer.close("complete")
    again = store.resume_run(writer.run_id)
    assert again.outcomes() == {trial.id: Outcome.INVALID}
    again.close("complete")
