"""Exported runs that do not tell whose they are."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.findings import finding
from harness.record import DeviceFacts, DeviceState, Outcome, RunPlan, Trial
from harness.store.anonymous import Disguise
from harness.store.layout import trial_folder
from harness.store.store import ResultsStore

SERIAL, OTHER = "9A1FFAZ00B7K", "R58N-emulator"
HOST, NICK, PERSON = "lab-tower-7", "petras-pixel", "Petra Example"
LAB = f"""schema: 1
name: quick
devices:
- {NICK}
lab:
- address: android:{SERIAL}
  nickname: {NICK}
  owner: {PERSON}
  notes: in the cupboard of {PERSON} on the
    second floor
  tags: [nightly]
- address: android:{OTHER}
"""


@pytest.fixture
def phone_run(store: ResultsStore, make) -> str:
    """A run on a phone whose record, log, facts and scenario all name it."""
    model = make.trial()
    cell = replace(model.cell, device_id=f"android:{SERIAL}")
    trial = Trial(f"{cell.key}-r0", cell, 0, 0)
    facts = {
        f"android:{SERIAL}": DeviceFacts(
            f"android:{SERIAL}",
            {"model": "Pixel 8", "serial": SERIAL, "hostname": HOST, "os": "14"},
            {"governor": f"{HOST}: denied"},
        )
    }
    writer = store.create_run(make.plan(trial, facts=facts, scenario_text=LAB))
    attempt = writer.begin_trial(trial)
    attempt.add_block(*make.block(0))
    record = make.record(
        writer,
        attempt,
        Outcome.OK,
        findings=(finding("INTERFERENCE", f"adb on {HOST}: /home/petra/x/top.txt, /proc/stat"),),
        state_before=DeviceState({"foreground": f"app of {PERSON} <petra@example.org>"}),
    )
    attempt.finish(record, f"loading /home/petra/models/kws.tflite on {SERIAL} at 192.168.1.20\n")
    writer.close("complete")
    return writer.run_id


def exported(store: ResultsStore, run_id: str, tmp_path: Path) -> ResultsStore:
    store.export(run_id, tmp_path / "other" / "runs" / run_id, anonymous=True)
    return ResultsStore(tmp_path / "other")


def test_nothing_that_names_a_phone_a_host_or_a_person_is_left(
    store: ResultsStore, phone_run: str, tmp_path: Path
) -> None:
    folder = exported(store, phone_run, tmp_path).resolve(phone_run).folder
    names = " ".join(str(path.relative_to(folder)) for path in folder.rglob("*"))
    content = b" ".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for word in (SERIAL, OTHER, HOST, NICK, PERSON, "petra", "192.168", "cupboard", "second floor"):
        assert word not in names
        assert word.encode() not in content


def test_the_run_still_reads_with_every_number_and_its_kind_of_phone(
    store: ResultsStore, phone_run: str, tmp_path: Path
) -> None:
    before = store.resolve(phone_run)
    after = exported(store, phone_run, tmp_path).resolve(phone_run)
    (old,), (new,) = before.records(), after.records()
    assert new.trial.cell.device_id == "android:device-1"
    assert new.trial.id == f"{new.trial.cell.key}-r0" != old.trial.id
    assert after.missing() == ()
    assert new.metrics == old.metrics
    samples = after.trial(new.trial.id).samples()
    assert samples.latency_ns.tolist() == before.trial(old.trial.id).samples().latency_ns.tolist()
    facts = after.plan.facts["android:device-1"]
    assert facts.values == {"model": "Pixel 8", "os": "14"}
    assert "/proc/stat" in new.findings[0].seen
    assert "[folder]/top.txt" in new.findings[0].seen
    assert "[folder]/kws.tflite" in after.trial(new.trial.id).log()
    assert [run.state for run in ResultsStore(tmp_path / "other").runs()] == ["complete"]


def test_earlier_attempts_and_the_archive_are_disguised_too(
    store: ResultsStore, phone_run: str, make, tmp_path: Path
) -> None:
    (trial,) = store.resolve(phone_run).plan.trials
    writer = store.resume_run(phone_run)
    attempt = writer.begin_trial(trial)
    attempt.finish(make.record(writer, attempt), f"again on {SERIAL}\n")
    writer.close("complete")
    (store.resolve(phone_run).folder / "report").mkdir()
    (store.resolve(phone_run).folder / "report" / "report.html").write_text(SERIAL)
    target = tmp_path / "run.tar.gz"
    store.export(phone_run, target, anonymous=True)
    with tarfile.open(target) as archive:
        members = {m.name: archive.extractfile(m).read() for m in archive.getmembers()}
    assert any("/superseded/" in name for name in members)
    assert not any("report" in name for name in members)
    assert not any(SERIAL in name or SERIAL.encode() in data for name, data in members.items())


def test_no_picture_of_a_screen_is_given_away(
    store: ResultsStore, phone_run: str, make, tmp_path: Path
) -> None:
    (trial,) = store.resolve(phone_run).plan.trials
    writer = store.resume_run(phone_run)
    for _ in range(2):  # the first of them is superseded
        attempt = writer.begin_trial(trial)
        attempt.add_screenshot(b"a picture")
        attempt.finish(make.record(writer, attempt), "")
    writer.close("complete")
    kept = store.resolve(phone_run)
    assert len(list(kept.folder.rglob("screen.png"))) == 2
    assert kept.trial(trial.id).screenshot().read_bytes() == b"a picture"
    after = exported(store, phone_run, tmp_path).resolve(phone_run)
    assert list(after.folder.rglob("screen.png")) == []
    (other,) = after.plan.trials
    assert after.trial(other.id).screenshot() is None


def test_a_run_on_this_machine_alone_keeps_its_trial_ids(
    store: ResultsStore, finished_run, tmp_path: Path
) -> None:
    run_id = finished_run()
    after = exported(store, run_id, tmp_path).resolve(run_id)
    assert [r.trial for r in after.records()] == [r.trial for r in store.resolve(run_id).records()]


WORDS = Disguise(
    [
        RunPlan(
            "r", "s", None, "t", (), facts={f"android:{SERIAL}": DeviceFacts(f"android:{SERIAL}")}
        )
    ]
)


@given(st.text())
def test_disguising_twice_changes_nothing_more(text: str) -> None:
    once = WORDS.text(f"{text} {SERIAL} /home/a/b")
    assert WORDS.text(once) == once


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/proc/123/stat", "/proc/123/stat"),
        ("/sys/class/thermal/zone0", "/sys/class/thermal/zone0"),
        ("/home/me/a b", "[folder]/a b"),
        ("x 12 ms/inference", "x 12 ms/inference"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        (f"device '{SERIAL}' not found", "device 'device-1' not found"),
        (f"x{SERIAL}y", f"x{SERIAL}y"),
        ("driver 10.0.22631.1", "driver 10.0.22631.1"),
        ("at 10.0.0.7:5555", "at [network address]:5555"),
        ("aa:bb:cc:dd:ee:ff", "[hardware address]"),
    ],
)
def test_what_is_replaced_and_what_is_not(text: str, shown: str) -> None:
    assert WORDS.text(text) == shown


def test_keys_and_nested_values_are_disguised() -> None:
    document = {f"android:{SERIAL}": [1, None, {"deep": f"on {SERIAL}"}]}
    assert WORDS.value(document) == {"android:device-1": [1, None, {"deep": "on device-1"}]}
    assert json.dumps(WORDS.value({"n": 1.5})) == '{"n": 1.5}'


def test_the_folder_of_a_trial_follows_its_new_id(
    store: ResultsStore, phone_run: str, tmp_path: Path
) -> None:
    after = exported(store, phone_run, tmp_path).resolve(phone_run)
    (trial,) = after.plan.trials
    assert trial_folder(after.folder, trial.id).is_dir()
