"""Disks that are full, read-only or not there."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.errors import StoreError
from harness.record import BlockRecord, Outcome
from harness.store import streams, trial_writer
from harness.store.store import ResultsStore
from harness.store.trial_writer import TrialWriter

Mount = Callable[[str], Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Mount a tmpfs with the given options; again with other options remounts it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = False

    def mount_or_skip(options: str) -> Path:
        nonlocal mounted
        if mounted:
            options = f"remount,{options}"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=30)
        except (OSError, subprocess.SubprocessError):
            pytest.skip("needs the right to mount a tmpfs")
        mounted = True
        return folder

    yield mount_or_skip
    if mounted:
        subprocess.run(["umount", str(folder)], check=True, timeout=30)


def big_block(seq: int) -> tuple[BlockRecord, dict[str, np.ndarray]]:
    noise = np.random.default_rng(seq).integers(0, 2**62, (4, 4000))
    names = ("start_ns", "input_ns", "invoke_ns", "output_ns")
    return BlockRecord(seq, True, 4000, 0, 1, 1), dict(zip(names, noise, strict=True))


def fill(attempt: TrialWriter) -> tuple[int, StoreError]:
    """Add blocks until the disk is full: how many there was room for, and the error."""
    for seq in range(1000):
        try:
            attempt.add_block(*big_block(seq))
        except StoreError as error:
            return seq, error
    pytest.fail("the disk never was full")


def one_line(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text
    return text


def test_a_full_disk_stops_the_trial_and_harms_nothing_earlier(mount: Mount, make) -> None:
    store = ResultsStore(mount("size=2m") / "results")
    trials = [make.trial(index) for index in range(3)]
    writer = store.create_run(make.plan(*trials))
    make.measure(writer, trials[0])
    attempt = writer.begin_trial(trials[1])
    stored, full = fill(attempt)
    assert stored > 0
    assert "there is no room" in one_line(full)
    assert "--resume" in one_line(full)
    with pytest.raises(StoreError, match="there is no room"):
        attempt.finish(make.record(writer, attempt))
    with pytest.raises(StoreError, match="there is no room"):
        writer.close("interrupted")

    run = store.resolve("latest")
    assert [record.trial for record in run.records()] == [trials[0]]
    assert len(run.trial(trials[0].id).samples()) == 3
    assert not list(run.folder.rglob("*.tmp"))

    mount("size=20m")
    assert store.recover() == (writer.run_id,)
    assert len(run.trial(trials[1].id).blocks()) == stored
    again = store.resume_run("latest")
    for trial in trials[1:]:
        make.measure(again, trial)
    again.close("complete")
    assert {record.outcome for record in run.records()} == {Outcome.OK}


def test_a_disk_too_small_for_the_plan_leaves_no_half_run(mount: Mount, make) -> None:
    store = ResultsStore(mount("size=32k") / "results")
    with pytest.raises(StoreError, match="there is no room"):
        store.create_run(make.plan(*(make.trial(index) for index in range(100))))
    assert store.runs() == []
    assert list((store.root / "runs").iterdir()) == []


def test_a_read_only_store_can_be_read_but_not_written(mount: Mount, make) -> None:
    folder = mount("size=2m")
    store = ResultsStore(folder / "results")
    writer = store.create_run(make.plan())
    make.measure(writer, writer.plan.trials[0])
    writer.close("complete")
    (folder / "results" / "index.sqlite").unlink()
    mount("ro,size=2m")
    assert [run.state for run in store.runs()] == ["complete"]
    run = store.resolve("latest")
    assert len(run.trial(run.plan.trials[0].id).samples()) == 3
    for forbidden in (
        lambda: store.create_run(make.plan()),
        lambda: store.resume_run("latest"),
        lambda: store.delete("latest"),
        lambda: ResultsStore(folder / "elsewhere").create_run(make.plan()),
    ):
        with pytest.raises(StoreError, match=r"Read-only file system.*--results") as caught:
            forbidden()
        one_line(caught.value)


def test_a_file_where_the_results_folder_should_be(tmp_path: Path, make) -> None:
    (tmp_path / "results").write_text("notes")
    store = ResultsStore(tmp_path / "results")
    for forbidden in (lambda: store.create_run(make.plan()), store.runs, store.recover):
        with pytest.raises(StoreError, match="a file is where a folder should be") as caught:
            forbidden()
        one_line(caught.value)
    assert (tmp_path / "results").read_text() == "notes"


def test_a_write_that_fails_once_leaves_the_stream_whole(
    store: ResultsStore, make, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = store.create_run(make.plan())
    attempt = writer.begin_trial(writer.plan.trials[0])
    attempt.add_block(*make.block(0))
    whole = streams.write_all

    def half_written(descriptor: int, data: memoryview) -> None:
        whole(descriptor, bytes(data)[:50])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(streams, "write_all", half_written)
        with pytest.raises(StoreError):
            attempt.add_block(*make.block(1))
    attempt.add_block(*make.block(2))
    assert [block.seq for block in attempt.blocks()] == [0, 2]
    assert len(attempt.samples()) == 6
    attempt.finish(make.record(writer, attempt))
    writer.close("complete")


def test_what_fails_while_a_trial_ends_can_be_tried_again(
    store: ResultsStore, make, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = store.create_run(make.plan())
    attempt = writer.begin_trial(writer.plan.trials[0])
    attempt.add_block(*make.block(0))

    def fails(*_: object) -> None:
        raise StoreError("no")

    with monkeypatch.context() as patched:
        patched.setattr(trial_writer, "write_record", fails)
        with pytest.raises(StoreError):
            attempt.finish(make.record(writer, attempt))
    assert list(store.resolve("latest").records()) == []
    attempt.finish(make.record(writer, attempt))
    writer.close("complete")
    assert len(store.resolve("latest").trial(attempt.trial.id).samples()) == 3
