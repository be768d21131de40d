from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.clock import ManualClock
from harness.errors import StoreError, StoreVersionError
from harness.findings import Severity
from harness.record import RECORD_VERSION, Cause, Outcome
from harness.scenario import Burst, Cold, Offline, Periodic, SingleStream, Sustained
from harness.store.codec import dump, to_json
from harness.store.documents import read_plan, read_record, upgraded, write_plan, write_record
from harness.store.run_reader import RunReader
from harness.store.store import ResultsStore

_GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "records" / "v1"


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


# --- version 1, as it was written once ----------------------------------------------------------


@pytest.fixture
def golden(tmp_path: Path) -> RunReader:
    shutil.copytree(_GOLDEN, tmp_path / "golden")
    return ResultsStore(tmp_path / "golden").resolve("first ever")


def test_the_plan_of_version_1_is_read(golden: RunReader) -> None:
    plan = golden.plan
    assert plan.version == RECORD_VERSION
    assert (plan.scenario, plan.label) == ("golden", "first ever")
    assert [trial.cell.load for trial in plan.trials[:6]] == [
        SingleStream(),
        Burst(inferences=2),
        Offline(samples=8),
        Sustained(seconds=259_200.0),
        Periodic(rate_hz=29.97),
        Cold(page_cache="drop"),
    ]
    own = plan.trials[6].cell
    assert (own.variant.label, own.shapes, own.purpose) == ("модель", {"ids": (1, 128)}, "memory")
    assert plan.facts["local"].values["cores"] == 2
    assert plan.facts["local"].unavailable == {"governor": "no cpufreq on this machine"}
    assert plan.skips[0].reason == "no GPU delegate"


def test_the_records_of_version_1_are_read(golden: RunReader) -> None:
    skipped, measured, failed = golden.records()
    assert [skipped.outcome, measured.outcome, failed.outcome] == [
        Outcome.SKIPPED,
        Outcome.OK,
        Outcome.FAILED,
    ]
    assert failed.failure is not None
    assert (failed.failure.cause, failed.failure.signal_name) == (Cause.CRASHED, "SIGSEGV")
    assert measured.metrics == {
        "latency_p50_ns": 5002425.5,
        "inferences": 4.0,
        "dropped_percent": 0.30000000000000004,
    }
    assert measured.findings[0].severity is Severity.NOTE
    assert measured.inputs[0].shape == (1, 224, 224, 3)
    assert measured.inputs[0].scale == 0.0078125
    assert measured.load_times.load_ns == 2_000_000
    assert measured.load_times.process_to_first_ns is None
    assert measured.channels[2].unavailable == "no battery"
    assert measured.placement["witnesses"] == ["log", {"line": 3}]
    assert measured.engine["xnnpack"] is True
    assert measured.cooling is not None
    assert (measured.cooling.end_c, measured.cooling.met) == (27.25, True)
    assert measured.windows[0].max_c == {"temperature.skin_c": 41.5}
    assert measured.energy is not None
    assert (measured.energy.source, measured.energy.inferences) == ("rails", 4)
    assert measured.energy.intervals == {"energy_gross_j": (0.05, 0.07)}


def test_the_measurements_of_version_1_are_read(golden: RunReader) -> None:
    trial = golden.trial(golden.plan.trials[4].id)
    profile, answers = trial.profile(), trial.outputs()
    assert profile is not None
    assert (profile.nodes[0].op_type, profile.operators_ns) == ("CONV_2D", 400.0)
    assert answers is not None
    assert answers[0].tolist() == [0, 1, 2]
    samples = trial.samples()
    assert samples.timed.tolist() == [False] * 2 + [True] * 4
    assert samples.invoke_ns[-1] == 5_000_051
    assert samples.intended_ns is not None
    assert (samples.start_ns - samples.intended_ns).tolist() == [0, 0, 500, 500, 500, 500]
    assert [block.dropped for block in trial.blocks()] == [0, 1]
    assert [block.tainted for block in trial.blocks()] == [None, "thermal status light"]
    assert trial.trace("rss").value.tolist() == [81_000_000.0, 82_000_000.5]
    assert trial.log() == "loaded\nready\n"


@pytest.mark.skipif(RECORD_VERSION != 1, reason="the format has moved on; see the new golden run")
def test_todays_writer_still_writes_version_1(golden: RunReader, tmp_path: Path) -> None:
    """Fails when a stored field changes: then raise RECORD_VERSION and add a migration.

    (Before the first release it is enough to make the golden run again with ``make.py``.)
    """
    write_plan(tmp_path / "plan.json", golden.plan)
    assert (tmp_path / "plan.json").read_bytes() == (golden.folder / "plan.json").read_bytes()
    for path in golden.folder.glob("trials/*/trial.json"):
        write_record(tmp_path / "trial.json", read_record(path))
        assert (tmp_path / "trial.json").read_bytes() == path.read_bytes()


# --- other versions -----------------------------------------------------------------------------


def test_a_run_of_a_newer_version_is_told_and_hides_no_other(
    store: ResultsStore, finished_run
) -> None:
    finished_run(run_id="good-run")
    finished_run(run_id="newer-run")
    edit(store.root / "runs" / "newer-run" / "plan.json", version=99, wonders=[1])
    store.reindex()
    good, newer = store.runs()
    assert (good.state, newer.state) == ("complete", "unreadable")
    assert newer.problem is not None
    assert "written by a newer benchfarm (version 99, this one reads up to" in newer.problem
    with pytest.raises(StoreVersionError, match="upgrade benchfarm") as caught:
        store.resume_run("newer-run")
    assert caught.value.exit_code == 2
    with pytest.raises(StoreVersionError):
        list(store.resolve("newer-run").records())
    assert (store.root / "runs" / "newer-run" / "plan.json").exists()


def test_a_trial_of_a_newer_version_is_told(store: ResultsStore, finished_run) -> None:
    finished_run()
    path = next(store.root.glob("runs/*/trials/*/trial.json"))
    edit(path, version=2 + RECORD_VERSION)
    with pytest.raises(StoreVersionError, match=r"trial\.json: written by a newer benchfarm"):
        list(store.resolve("latest").records())


def test_older_versions_pass_through_each_migration() -> None:
    def rename(document: dict[str, Any]) -> dict[str, Any]:
        return {**document, "name": document["title"]}

    old = {"version": RECORD_VERSION - 1, "title": "x"}
    assert upgraded(old, Path("f"), {RECORD_VERSION - 1: rename}) == {
        "version": RECORD_VERSION,
        "title": "x",
        "name": "x",
    }


@pytest.mark.parametrize(
    ("version", "said"),
    [(None, "has no version"), ("1", "has no version"), (True, "has no version"), (-4, "never")],
)
def test_what_is_no_version_of_ours_is_refused(version: object, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        upgraded({"version": version}, Path("f"), {})


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"version": 1}', b'{"version": 1, "trials": [3]}'],
)
def test_a_damaged_plan_is_told_in_one_line(
    store: ResultsStore, finished_run, damage: bytes
) -> None:
    run_id = finished_run()
    path = store.root / "runs" / run_id / "plan.json"
    path.write_bytes(damage)
    with pytest.raises(StoreError, match=r"plan\.json") as caught:
        read_plan(path)
    assert "\n" not in str(caught.value)
    store.reindex()
    assert store.runs()[0].state == "unreadable"


# --- plans --------------------------------------------------------------------------------------


def test_each_cell_is_stored_once(tmp_path: Path, make) -> None:
    trials = [make.trial(index, repeat=repeat) for repeat in range(3) for index in range(4)]
    plan = make.plan(*trials)
    write_plan(tmp_path / "plan.json", plan)
    document = json.loads((tmp_path / "plan.json").read_text())
    assert len(document["cells"]) == 4
    assert len(document["trials"]) == 12
    assert read_plan(tmp_path / "plan.json") == plan


def test_trials_with_ids_of_another_form_keep_their_own_cells(tmp_path: Path, make) -> None:
    one, other = make.trial(0), make.trial(1)
    plan = make.plan(replace(one, id="x-r0"), replace(other, id="x-r1", repeat=1))
    write_plan(tmp_path / "plan.json", plan)
    assert read_plan(tmp_path / "plan.json") == plan


def test_a_trial_without_its_cell_is_told(tmp_path: Path, make) -> None:
    path = tmp_path / "plan.json"
    write_plan(path, make.plan())
    edit(path, cells={})
    with pytest.raises(StoreError, match=r"names the cell .* which is missing"):
        read_plan(path)


def test_a_record_with_a_number_nobody_measured_is_not_written(
    store: ResultsStore, make, clock: ManualClock
) -> None:
    writer = store.create_run(make.plan())
    attempt = writer.begin_trial(writer.plan.trials[0])
    bad = make.record(writer, attempt, metrics={"latency_p50_ns": float("nan")})
    with pytest.raises(StoreError, match="not finite"):
        attempt.finish(bad)
    attempt.finish(replace(bad, metrics={}))
    writer.close("complete")
    assert next(store.resolve("latest").records()).metrics == {}


def test_floats_are_stored_as_the_shortest_text(make) -> None:
    assert dump(to_json({"a": 0.1, "b": 1e300, "c": 2.0})) == b'{"a": 0.1, "b": 1e+300, "c": 2.0}\n'
