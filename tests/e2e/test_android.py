"""``benchfarm run`` on simulated phones: plugged in, one scenario file, a report."""

from __future__ import annotations

import hashlib
import json
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from android_app.build import desktop
from android_app.build.errors import ArtefactUnavailable, ToolMissing
from device_agents.android.packages import runner_files
from harness.errors import UserError
from phones.android.lab import Lab, missing

PACKAGE = "org.benchfarm.runner.tflite"
LEAVE_ALONE = {"stay_awake": False, "animations": True}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two phones with scripted runners."""
    yield from a_lab("pixel8", "galaxy-s24", latency_ms=2.0)


def a_lab(*profiles: str, **options: object) -> Iterator[Lab]:
    if missing():
        pytest.skip(missing())
    try:
        runner_files()
    except UserError as error:
        pytest.skip(str(error))
    with Lab(*profiles, **options) as made:  # type: ignore[arg-type]
        yield made


def trials_of(tmp_path: Path) -> list[dict]:
    files = sorted((tmp_path / "results" / "runs").glob("*/trials/*/trial.json"))
    return [json.loads(path.read_text()) for path in files]


def test_two_phones_side_by_side(lab, benchfarm, write_scenario, tmp_path) -> None:
    before = [phone.report()["settings"] for phone in lab.phones]
    scenario = write_scenario(
        devices=["platform=android"],
        repeats=2,
        gates={"thermal": "off"},
        prepare={"brightness_percent": 0},
        telemetry={"rate_hz": 10},
    )
    listed = benchfarm("devices", **lab.environment)
    assert listed.returncode == 0, listed.stderr
    assert all(f"android:{phone.serial}" in listed.stdout for phone in lab.phones)
    done = benchfarm("run", scenario, **lab.environment)
    assert done.returncode == 0, done.stderr
    assert "SIMULATED" in done.stdout
    trials = trials_of(tmp_path)
    assert [trial["outcome"] for trial in trials] == ["OK"] * 4
    for trial in trials:
        assert "SIMULATED-DEVICE" in {item["id"] for item in trial["findings"]}
        assert trial["runner"]["start"] == "activity"
        assert trial["state_before"]["values"]["battery.percent"] > 0
        read = {one["name"] for one in trial["channels"] if one["unavailable"] is None}
        assert {"temperature.skin_c", "cpu.frequency_max_khz.policy0", "thermal.status"} <= read
    for phone, settings in zip(lab.phones, before, strict=True):
        report = phone.report()
        assert report["unexpected"] == []
        assert report["settings"] == settings
        assert report["runners"] == {}


def test_a_phone_that_vanishes_ends_only_its_own_trials(
    lab, start_benchfarm, benchfarm, write_scenario, environment, tmp_path
) -> None:
    environment |= lab.environment
    scenario = write_scenario(
        devices=["platform=android"],
        repeats=3,
        gates={"thermal": "off"},
        prepare=LEAVE_ALONE,
    )
    lost, kept = lab.phones
    lost.fault("vanish@phase:launch:2")
    run = start_benchfarm("run", scenario)
    _, said = run.communicate(timeout=280)
    assert run.returncode == 4, said
    outcomes = {
        phone.serial: [
            trial["outcome"] if trial["failure"] is None else trial["failure"]["cause"]
            for trial in sorted(trials_of(tmp_path), key=lambda one: one["trial"]["repeat"])
            if trial["trial"]["cell"]["device_id"].endswith(phone.serial)
        ]
        for phone in lab.phones
    }
    assert outcomes[kept.serial] == ["OK"] * 3
    assert outcomes[lost.serial] == ["OK", "OFFLINE", "OFFLINE"]
    lost.recover()
    lost.connect()
    lab.adb("wait-for-device", phone=lost)
    again = benchfarm("run", "--resume", "latest", "--retry-failed", **lab.environment)
    assert again.returncode == 0, again.stderr


def test_a_second_harness_is_told_who_has_the_phone(
    lab, start_benchfarm, benchfarm, write_scenario, environment
) -> None:
    environment |= lab.environment
    phone = lab.phones[1]
    scenario = write_scenario(
        devices=[f"android:{phone.serial}"],
        loads=[{"kind": "sustained", "seconds": 6}],
        gates={"thermal": "off"},
        prepare=LEAVE_ALONE,
    )
    first = start_benchfarm("run", scenario)
    while not phone.report()["runners"]:
        assert first.poll() is None
        time.sleep(0.05)
    second = benchfarm("run", scenario)
    assert second.returncode == 4
    assert f"android:{phone.serial}: leased by process {first.pid}" in second.stderr
    first.communicate(timeout=60)
    assert first.returncode == 0


def test_a_capture_names_nobody(lab, benchfarm, tmp_path) -> None:
    phone = lab.phones[0]
    target = tmp_path / "phone.json"
    device = f"android:{phone.serial}"
    done = benchfarm("devices", "capture", device, "-o", target, **lab.environment)
    assert done.returncode == 0, done.stderr
    text = target.read_text()
    assert phone.serial not in text
    captured = json.loads(text)
    assert (
        "mWakefulness=Awake" in captured["commands"]["dumpsys power | grep mWakefulness="]["stdout"]
    )
    assert any("thermal_zone" in line for line in captured["probes"])


def test_the_real_core_infers_on_a_simulated_phone(
    benchfarm, write_scenario, shared_models, tmp_path
) -> None:
    try:
        desktop.command()
    except (ToolMissing, ArtefactUnavailable) as error:
        pytest.skip(f"the JVM runner needs a JDK, Maven and the pinned artefacts: {error}")
    for lab in a_lab("pixel8", runner="jvm"):
        scenario = write_scenario(
            devices=["platform=android"],
            models=[{"path": str(shared_models / "mnist.onnx")}],
            blocks=[{"engine": "onnxruntime"}],
            gates={"thermal": "off"},
            prepare=LEAVE_ALONE,
        )
        done = benchfarm("run", scenario, **lab.environment)
        assert done.returncode == 0, done.stderr
        (trial,) = trials_of(tmp_path)
        assert trial["outcome"] == "OK"
        assert trial["runner"]["runner"] == "jvm"
        assert trial["metrics"]["latency_p50_ns"] > 0


def test_two_builds_of_the_runner_are_installed_side_by_side_and_compared(
    lab, benchfarm, write_scenario, tmp_path
) -> None:
    phone = lab.phones[0]
    arms = {
        "reference": {"runner": str(another_build(tmp_path / "old", "b0ld"))},
        "candidate": {"runner": str(another_build(tmp_path / "new", "bnew"))},
    }
    scenario = write_scenario(
        devices=[f"android:{phone.serial}"],
        arms=arms,
        repeats=4,
        gates={"thermal": "off"},
        prepare=LEAVE_ALONE,
    )
    phone.forget()
    done = benchfarm("run", scenario, **lab.environment)
    assert done.returncode == 0, done.stderr
    trials = trials_of(tmp_path)
    assert len(trials) == 8
    assert {trial["outcome"] for trial in trials} == {"OK"}
    builds = {(one["trial"]["cell"]["arm"], one["trial"]["cell"]["build"]) for one in trials}
    assert len(builds) == 2
    assert {f"{PACKAGE}.{build}" for build in ("b0ld", "bnew")} <= set(phone.report()["packages"])
    compared = benchfarm("compare", "latest", "--by", "arm")
    assert compared.returncode in (0, 1), compared.stderr
    assert "candidate" in compared.stdout


def another_build(folder: Path, build: str) -> Path:
    """Our runner for phones under another build's name, as a second checkout would make it."""
    folder.mkdir()
    (ours,) = (file for file in runner_files() if file.abi == "arm64-v8a")
    apk = folder / ours.path.name
    manifest = f'<manifest package="{PACKAGE}.{build}"/>'
    with zipfile.ZipFile(apk, "w") as archive:
        archive.writestr("AndroidManifest.xml", manifest)
    listed = {
        "flavour": ours.flavour,
        "abi": ours.abi,
        "build": build,
        "application_id": f"{PACKAGE}.{build}",
        "size_bytes": apk.stat().st_size,
        "sha256": hashlib.sha256(apk.read_bytes()).hexdigest(),
    }
    (folder / "runners.json").write_text(json.dumps({"runners": {apk.name: listed}}))
    return folder


def test_what_comes_and_goes_is_watched(lab, start_benchfarm, environment) -> None:
    environment |= lab.environment
    phone = lab.phones[1]
    watch = start_benchfarm("devices", "--watch")
    patience = threading.Timer(120, watch.kill)  # ends its output, where a state never shows
    patience.start()

    def is_shown(text: str) -> bool:
        return any(
            text in line and (phone.serial in line or phone.address in line)
            for line in watch.stdout
        )

    try:
        assert is_shown("ready")
        phone.fault("unauthorized@now")
        assert is_shown("unauthorized")
        phone.recover()
        assert is_shown("ready")
    finally:
        patience.cancel()
        phone.recover()


def test_doctor_puts_back_what_a_killed_run_left(
    lab, start_benchfarm, benchfarm, write_scenario, environment
) -> None:
    environment |= lab.environment
    phone = lab.phones[0]
    before = phone.report()["settings"]
    scenario = write_scenario(
        devices=[f"android:{phone.serial}"],
        loads=[{"kind": "sustained", "seconds": 60}],
        gates={"thermal": "off"},
        prepare={"brightness_percent": 0},
    )
    run = start_benchfarm("run", scenario)
    while not phone.report()["runners"]:
        assert run.poll() is None
        time.sleep(0.05)
    assert phone.report()["settings"] != before
    run.kill()
    run.wait()
    done = benchfarm("doctor", "--restore")
    assert "restored" in done.stderr
    report = phone.report()
    assert report["settings"] == before
    assert report["runners"] == {}


def test_the_adb_server_that_adbutils_brings(benchfarm, write_scenario, tmp_path) -> None:
    if missing("bundled"):
        pytest.skip(missing("bundled"))
    for lab in a_lab("galaxy-s24", adb="bundled", latency_ms=2.0):
        scenario = write_scenario(
            devices=["platform=android"], gates={"thermal": "off"}, prepare=LEAVE_ALONE
        )
        done = benchfarm("run", scenario, **lab.environment)
        assert done.returncode == 0, done.stderr
        assert [trial["outcome"] for trial in trials_of(tmp_path)] == ["OK"]


def test_cold_starts(lab, benchfarm, write_scenario, tmp_path) -> None:
    scenario = write_scenario(
        devices=[f"android:{lab.phones[0].serial}"],
        loads=[{"kind": "cold"}],
        gates={"thermal": "off"},
        repeats=2,
        prepare=LEAVE_ALONE,
    )
    done = benchfarm("run", scenario, **lab.environment)
    assert done.returncode == 0, done.stderr
    for trial in trials_of(tmp_path):
        assert trial["metrics"]["cold_start_ns"] > 0
