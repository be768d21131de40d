"""``benchfarm run`` on simulated iPhones, and on every platform at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from device_agents.android.packages import runner_files
from harness.errors import UserError
from phones.android.lab import Lab, missing
from phones.ios.farm import Farm

#: Launched by DVT over lockdown, and by DVT through a tunnel.
OLD, NEW = "iphone12-ios16", "iphone15-ios18"


@pytest.fixture
def iphones(tmp_path: Path) -> Iterator[Callable[..., Farm]]:
    """Makes a farm of iPhones; nothing may be left in its home folder."""
    pytest.importorskip("pymobiledevice3", reason="needs the extra ios")
    made: list[Farm] = []

    def make(*profiles: str) -> Farm:
        one = Farm(tmp_path / "farm", profiles)
        one.start()
        made.append(one)
        return one

    yield make
    for one in made:
        one.stop()
        assert [phone.unexpected for phone in one.phones] == [[] for _ in one.phones]
        assert [path for path in (tmp_path / "farm/home").rglob("*") if path.is_file()] == []


def trials_of(tmp_path: Path) -> list[dict]:
    files = sorted((tmp_path / "results" / "runs").glob("*/trials/*/trial.json"))
    return [json.loads(path.read_text()) for path in files]


def test_two_iphones_from_devices_to_report(
    iphones, benchfarm, write_scenario, environment, tmp_path
) -> None:
    farm = iphones(OLD, NEW)
    farm.phones[0].condition.low_power_mode = True
    environment |= farm.environment
    listed = benchfarm("devices")
    assert listed.returncode == 0, listed.stderr
    assert all(f"ios:{phone.udid}" in listed.stdout for phone in farm.phones)
    assert listed.stdout.count("SIMULATED") == 2
    scenario = write_scenario(devices=["platform=ios"], repeats=2, gates={"thermal": "off"})
    done = benchfarm("run", scenario)
    assert done.returncode == 0, done.stderr
    assert "SIMULATED" in done.stdout
    trials = trials_of(tmp_path)
    assert [trial["outcome"] for trial in trials] == ["OK"] * 4
    for trial in trials:
        assert "SIMULATED-DEVICE" in {item["id"] for item in trial["findings"]}
        assert "PROCESS-REUSED" not in {item["id"] for item in trial["findings"]}
        saving = f"ios:{farm.phones[0].udid}" == trial["trial"]["cell"]["device_id"]
        said = [item["seen"] for item in trial["findings"] if item["id"] == "START-STATE"]
        assert said == ["low power mode on"] * saving
        read = {one["name"] for one in trial["channels"] if one["unavailable"] is None}
        assert {"temperature.battery_c", "battery.plugged", "thermal.status"} <= read
    (page,) = (tmp_path / "results").rglob("report.html")
    assert "SIMULATED" in page.read_text()


def test_a_cable_that_drops_in_a_trial_loses_nothing(
    iphones, benchfarm, write_scenario, environment, tmp_path
) -> None:
    farm = iphones(OLD)
    environment |= farm.environment
    farm.fault(0, "drop-link=1@phase:append")
    done = benchfarm(
        "run", write_scenario(devices=["platform=ios"], repeats=2, gates={"thermal": "off"})
    )
    assert done.returncode == 0, done.stderr
    assert [trial["outcome"] for trial in trials_of(tmp_path)] == ["OK"] * 2


def test_an_iphone_that_is_gone_is_measured_when_it_is_back(
    iphones, benchfarm, write_scenario, environment, tmp_path
) -> None:
    farm = iphones(OLD, NEW)
    environment |= farm.environment
    farm.fault(0, "vanish@phase:launch:2")
    scenario = write_scenario(devices=["platform=ios"], repeats=2, gates={"thermal": "off"})
    done = benchfarm("run", scenario)
    assert done.returncode == 4, done.stderr
    assert "--retry-failed" in done.stderr
    outcomes = {trial["trial"]["id"]: trial["outcome"] for trial in trials_of(tmp_path)}
    assert sorted(outcomes.values()) == ["FAILED", "OK", "OK", "OK"]
    farm.call(farm.phones[0].attach)
    again = benchfarm("run", "--resume", "latest", "--retry-failed")
    assert again.returncode == 0, again.stderr
    assert {trial["outcome"] for trial in trials_of(tmp_path)} == {"OK"}


def test_every_platform_in_one_run_and_one_report(
    iphones, benchfarm, write_scenario, environment, shared_models, tmp_path
) -> None:
    if missing():
        pytest.skip(missing())
    try:
        runner_files()
    except UserError as error:
        pytest.skip(str(error))
    farm = iphones(NEW)
    with Lab("pixel8", latency_ms=2.0) as lab:
        environment |= farm.environment | lab.environment
        scenario = write_scenario(
            models=[{"path": str(shared_models / "kws_ref_model.tflite")}],
            devices=["local", "platform=android", "platform=ios"],
            blocks=[{"engine": "tflite"}],
            repeats=2,
            gates={"thermal": "off"},
        )
        done = benchfarm("run", scenario)
    assert done.returncode == 0, done.stderr
    trials = trials_of(tmp_path)
    platforms = [one["trial"]["cell"]["device_id"].partition(":")[0] for one in trials]
    assert sorted(platforms) == ["android"] * 2 + ["ios"] * 2 + ["local"] * 2
    assert {trial["outcome"] for trial in trials} == {"OK"}
    for trial, platform in zip(trials, platforms, strict=True):
        simulated = "SIMULATED-DEVICE" in {item["id"] for item in trial["findings"]}
        assert simulated == (platform != "local")
    (page,) = (tmp_path / "results").rglob("report.html")
    assert all(one["trial"]["cell"]["device_id"] in page.read_text() for one in trials)
