from __future__ import annotations

import tarfile
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from harness.clock import ManualClock
from harness.errors import StoreError, UserError
from harness.record import Outcome
from harness.store.store import ResultsStore

A_DAY_NS = 86_400 * 10**9


def test_making_a_store_or_listing_it_touches_nothing(tmp_path: Path) -> None:
    store = ResultsStore(tmp_path / "results")
    assert store.runs() == []
    assert store.recover() == ()
    assert store.gc() == ()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match="no runs yet"):
        store.resolve("latest")


def test_a_list_shows_the_newest_first_with_what_became_of_each(store: ResultsStore, make) -> None:
    trials = [make.trial(index) for index in range(3)]
    plan = make.plan(*trials, label="night", created_at="2026-01-02T00:00:00.000+00:00")
    writer = store.create_run(plan)
    make.measure(writer, trials[0])
    make.measure(writer, trials[1], Outcome.FAILED)
    older = make.plan(run_id="20260103T000000Z-x-0001")
    store.create_run(older).close("complete")

    new, old = store.runs()
    assert (new.run_id, new.scenario, new.label) == (plan.run_id, "quick", "night")
    assert (new.planned, new.counts) == (3, {Outcome.OK: 1, Outcome.FAILED: 1})
    assert (new.state, old.state) == ("running", "complete")
    writer.close("interrupted")
    assert store.runs()[0].state == "interrupted"


@pytest.fixture
def three_runs(store: ResultsStore, finished_run) -> ResultsStore:
    for day, label in enumerate(["night", "night", None], start=1):
        finished_run(
            run_id=f"2026010{day}T000000Z-quick-000{day}",
            label=label,
            created_at=f"2026-01-0{day}T00:00:00.000+00:00",
        )
    return store


@pytest.mark.parametrize(
    ("selector", "day"),
    [
        ("latest", 3),
        ("night", 2),
        ("20260101T000000Z-quick-0001", 1),
        ("20260101", 1),
        ("20260103T00", 3),
    ],
)
def test_a_run_is_named_by_id_prefix_label_or_latest(
    three_runs: ResultsStore, selector: str, day: int
) -> None:
    assert three_runs.resolve(selector).run_id == f"2026010{day}T000000Z-quick-000{day}"


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        ("2026", "3 runs begin with '2026'.*give more of the id"),
        ("nihgt", "no run 'nihgt'; the nearest are night"),
        ("../runs", "no run '../runs'; the nearest are"),
        ("", "no run ''"),
    ],
)
def test_other_names_are_refused_with_the_nearest(
    three_runs: ResultsStore, selector: str, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        three_runs.resolve(selector)


def test_run_ids_never_collide(tmp_path: Path, make) -> None:
    plan = make.plan()
    writers = []

    def begin() -> None:
        writers.append(ResultsStore(tmp_path / "results").create_run(plan))

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = {writer.run_id for writer in writers}
    assert ids == {plan.run_id, *(f"{plan.run_id}-{number}" for number in range(2, 7))}
    for writer in writers:
        assert writer.plan.run_id == writer.run_id
        make.measure(writer, plan.trials[0])
        writer.close("complete")
    runs = ResultsStore(tmp_path / "results").runs()
    assert [run.counts for run in runs] == [{Outcome.OK: 1}] * 6


def test_two_writers_of_one_run_are_refused(store: ResultsStore, make) -> None:
    writer = store.create_run(make.plan())
    with pytest.raises(StoreError, match=r"process \d+ on .* is writing to this run; wait"):
        store.resume_run("latest")
    writer.close("complete")
    store.resume_run("latest").close("complete")


def test_a_deleted_run_is_gone(three_runs: ResultsStore) -> None:
    assert three_runs.delete("night") == "20260102T000000Z-quick-0002"
    assert [run.run_id[:8] for run in three_runs.runs()] == ["20260103", "20260101"]
    assert len(list((three_runs.root / "runs").iterdir())) == 2


def test_gc_takes_leftovers_and_what_it_is_asked_for(
    three_runs: ResultsStore, make, clock: ManualClock
) -> None:
    runs = three_runs.root / "runs"
    (runs / ".deleted-x").mkdir()
    (runs / "20260101T000000Z-unborn-0000").mkdir()
    again = three_runs.resume_run("night")
    make.measure(again, again.plan.trials[0])
    again.close("complete")
    clock.advance(400 * 365 * A_DAY_NS)  # beyond the real time in the folder's date

    foreseen = three_runs.gc(superseded=True, older_than=timedelta(days=1), dry_run=True)
    assert three_runs.gc(superseded=True, older_than=timedelta(days=1)) == foreseen
    assert sorted(path.relative_to(runs).as_posix() for path in foreseen) == [
        ".deleted-x",
        "20260101T000000Z-unborn-0000",
        "20260102T000000Z-quick-0002/superseded",
        "20260103T000000Z-quick-0003",
    ]
    assert not any(path.exists() for path in foreseen)
    assert [run.label for run in three_runs.runs()] == ["night", "night"]
    assert three_runs.gc(superseded=True) == ()


def test_gc_leaves_a_run_alone_that_is_being_made_or_measured(
    store: ResultsStore, make, clock: ManualClock
) -> None:
    writer = store.create_run(make.plan(created_at="2020-01-01T00:00:00.000+00:00"))
    (store.root / "runs" / "being-made").mkdir()
    assert store.gc(older_than=timedelta(0)) == ()
    writer.close("complete")
    assert store.gc(older_than=timedelta(0)) == (writer.folder,)


def test_an_exported_archive_unpacks_into_one_folder_and_reads_as_a_run(
    store: ResultsStore, finished_run, tmp_path: Path
) -> None:
    run_id = finished_run()
    folder = store.resolve(run_id).folder
    (folder / "secret").symlink_to("/etc/hostname")
    (folder / "outside").symlink_to("/etc")
    target = tmp_path / "out" / "run.tar.gz"
    store.export("latest", target)
    with tarfile.open(target) as archive:
        members = archive.getmembers()
        archive.extractall(tmp_path / "other" / "runs", filter="data")
    assert all(member.isfile() and member.name.startswith(f"{run_id}/") for member in members)
    assert {(member.uid, member.uname) for member in members} == {(0, "")}
    assert not {"secret", "outside", "lock"} & {Path(member.name).name for member in members}
    moved = ResultsStore(tmp_path / "other").resolve("latest")
    assert list(moved.records()) == list(store.resolve(run_id).records())
    with pytest.raises(UserError, match="exists already"):
        store.export("latest", target)


def test_an_exported_folder_reads_as_a_run(
    store: ResultsStore, finished_run, tmp_path: Path
) -> None:
    run_id = finished_run()
    (store.resolve(run_id).folder / "secret").symlink_to("/etc/hostname")
    store.export("latest", tmp_path / "other" / "runs" / run_id)
    moved = ResultsStore(tmp_path / "other").resolve("latest")
    assert list(moved.records()) == list(store.resolve(run_id).records())
    assert not (moved.folder / "secret").exists()


def test_an_export_that_cannot_be_written_leaves_nothing(
    store: ResultsStore, finished_run, tmp_path: Path
) -> None:
    finished_run()
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="a file is where a folder should be"):
        store.export("latest", tmp_path / "file" / "run.tar.gz")
    assert (tmp_path / "file").read_bytes() == b""
