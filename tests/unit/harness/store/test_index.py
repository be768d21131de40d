"""The index is a cache: whatever happens to it, lists stay right."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.record import Outcome
from harness.store import store as store_module
from harness.store.store import ResultsStore


@pytest.fixture
def indexed(store: ResultsStore, finished_run) -> ResultsStore:
    finished_run(run_id="a-run")
    finished_run(run_id="b-run")
    assert len(store.runs()) == 2
    return store


@pytest.fixture
def read_from_files(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which runs were read from their files rather than from the index."""
    names: list[str] = []
    real = store_module.read_summary

    def noting(folder: Path):
        names.append(folder.name)
        return real(folder)

    monkeypatch.setattr(store_module, "read_summary", noting)
    return names


def test_an_up_to_date_index_spares_the_files(
    indexed: ResultsStore, read_from_files: list[str]
) -> None:
    assert len(ResultsStore(indexed.root).runs()) == 2
    assert read_from_files == []


@pytest.mark.parametrize(
    "harm",
    [
        lambda index: index.unlink(),
        lambda index: index.write_bytes(b"not a database" * 100),
        lambda index: index.write_bytes(b""),
        lambda index: index.write_bytes(index.read_bytes()[:5000]),
    ],
)
def test_a_lost_or_damaged_index_is_built_again(
    indexed: ResultsStore, read_from_files: list[str], harm
) -> None:
    before = indexed.runs()
    harm(indexed.root / "index.sqlite")
    assert ResultsStore(indexed.root).runs() == before
    assert sorted(read_from_files) == ["a-run", "b-run"]
    assert ResultsStore(indexed.root).runs() == before
    assert len(read_from_files) == 2


def test_an_index_that_cannot_be_a_file_is_done_without(indexed: ResultsStore, make) -> None:
    before = indexed.runs()
    (indexed.root / "index.sqlite").unlink()
    (indexed.root / "index.sqlite").mkdir()
    store = ResultsStore(indexed.root)
    assert store.runs() == before
    writer = store.create_run(make.plan())
    make.measure(writer, writer.plan.trials[0])
    writer.close("complete")
    assert len(store.runs()) == 3


def test_a_stale_row_is_read_again(indexed: ResultsStore, make, read_from_files) -> None:
    with (indexed.root / "runs" / "a-run" / "ledger.jsonl").open("a") as ledger:
        trial = make.trial().id
        line = {"event": "finished", "trial": trial, "attempt": 2, "outcome": "FAILED"}
        ledger.write(json.dumps(line) + "\n")
    counts = {run.run_id: run.counts for run in indexed.runs()}
    assert counts == {"a-run": {Outcome.FAILED: 1}, "b-run": {Outcome.OK: 1}}
    assert read_from_files == ["a-run"]


def test_reindex_forgets_and_finds_again(indexed: ResultsStore, read_from_files) -> None:
    assert indexed.reindex() == 2
    assert sorted(read_from_files) == ["a-run", "b-run"]


def test_a_lab_database_is_shared_by_several_results_folders(tmp_path: Path, make) -> None:
    url = f"sqlite:///{tmp_path / 'lab.sqlite'}"
    stores = [ResultsStore(tmp_path / name, url) for name in ("here", "there")]
    for store in stores:
        writer = store.create_run(make.plan())
        make.measure(writer, writer.plan.trials[0])
        writer.close("complete")
    assert stores[0].delete("latest") == make.plan().run_id
    assert [len(store.runs()) for store in stores] == [0, 1]
    assert stores[1].reindex() == 1
    assert not list(tmp_path.glob("*/index.sqlite"))


@pytest.mark.parametrize(
    "url", ["nosuchbase://lab/results", "sqlite:////nowhere/at/all.sqlite", "not a url"]
)
def test_a_lab_database_that_does_not_answer_stops_lists_but_no_measurement(
    tmp_path: Path, make, url: str
) -> None:
    store = ResultsStore(tmp_path / "results", url)
    writer = store.create_run(make.plan())
    make.measure(writer, writer.plan.trials[0])
    writer.close("complete")
    with pytest.raises(StoreError, match="the index cannot be used") as caught:
        store.runs()
    assert "\n" not in str(caught.value)
    assert len(ResultsStore(tmp_path / "results").runs()) == 1


def test_no_error_shows_the_password_of_a_database(tmp_path: Path, finished_run, store) -> None:
    finished_run()
    lab = ResultsStore(store.root, "nosuchbase://me:secret@lab/results")
    with pytest.raises(StoreError) as caught:
        lab.runs()
    assert "secret" not in str(caught.value)


def test_several_stores_index_at_once(tmp_path: Path, make) -> None:
    errors: list[Exception] = []

    def night(number: int) -> None:
        try:
            store = ResultsStore(tmp_path / "results")
            for _ in range(4):
                writer = store.create_run(make.plan(run_id=f"run-{number}"))
                make.measure(writer, writer.plan.trials[0])
                store.runs()
                writer.close("complete")
        except Exception as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=night, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    runs = ResultsStore(tmp_path / "results").runs()
    assert [(run.state, run.counts) for run in runs] == [("complete", {Outcome.OK: 1})] * 16


@pytest.mark.parametrize("heavy", ["pandas", "sqlalchemy", "pyarrow"])
def test_heavy_libraries_are_imported_only_where_they_are_needed(heavy: str) -> None:
    """Making a store needs no database; storing needs no pandas, which pyarrow would import."""
    program = {
        "sqlalchemy": "from harness.store.store import ResultsStore",
        "pyarrow": "import harness.store.layout, harness.store.runid, harness.store.summary",
        "pandas": _MEASURE_AND_READ,
    }[heavy]
    code = f"import sys\n{program}\nassert {heavy!r} not in sys.modules, {heavy!r}"
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


_MEASURE_AND_READ = """
import importlib.util, tempfile
from pathlib import Path
from harness.device import Reading
from harness.store.store import ResultsStore
spec = importlib.util.spec_from_file_location("maker", "tests/unit/harness/store/conftest.py")
maker = importlib.util.module_from_spec(spec)
sys.modules["maker"] = maker
spec.loader.exec_module(maker)
make = maker.Maker()
with tempfile.TemporaryDirectory() as folder:
    store = ResultsStore(Path(folder))
    writer = store.create_run(make.plan())
    attempt = writer.begin_trial(writer.plan.trials[0])
    attempt.add_block(*make.block(0))
    attempt.add_block(*make.block(1, intended=True))
    attempt.add_readings([Reading("rss", 1, 2.0)])
    attempt.samples(), attempt.blocks(), attempt.trace("rss")
    attempt.finish(make.record(writer, attempt))
    writer.close("complete")
    trial = store.resolve("latest").trial(attempt.trial.id)
    trial.samples(), trial.blocks(), trial.trace("rss"), list(trial.iter_trace_batches())
"""
