"""Arms, nightly, calibrate and baselines on this machine, with a tiny model."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import psutil
import pytest

from device_agents.android.packages import runner_files
from harness.errors import UserError
from phones.android.lab import Lab, missing

#: A night of a tiny model: seconds. Memory and load times are no matter here.
NIGHT = {"loads": [{"kind": "burst", "inferences": 300}], "repeats": 4}
#: Far slower on every machine: no optimised kernels.
SLOW = {"candidate": {"options": {"xnnpack": False}}}
#: A margin that no noise of equal arms reaches on a shared machine.
GENEROUS = [{"max_regression": "80%"}]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


def junit(folder: Path) -> ET.Element:
    (path,) = folder.rglob("junit.xml")
    return ET.parse(path).getroot()  # noqa: S314 - our own


def test_equal_arms_raise_no_alarm(benchfarm, write_scenario, results) -> None:
    scenario = write_scenario(**NIGHT, arms={"equal": True}, limits=GENEROUS)
    done = benchfarm("nightly", scenario, "--json", "--otava", "no-such-program")
    assert done.returncode == 0, done.stderr
    night = json.loads(done.stdout)
    assert "otava has no opinion: there is no command 'no-such-program'" in night["notes"]
    assert night["regressions"] == 0
    assert night["comparisons"][0]["quads"] == 2
    assert len(night["runs"]) == 1
    assert junit(results).get("failures") == "0"


def test_a_slowdown_is_found_confirmed_and_explained(benchfarm, write_scenario, results) -> None:
    scenario = write_scenario(**NIGHT, arms=SLOW, profile="separate")
    done = benchfarm("nightly", scenario)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 suspected, measured again before they count" in done.stderr
    assert "REGRESSION: kws_ref_model tflite" in done.stdout
    assert "likely cause: options: xnnpack=False, reference none" in done.stdout
    assert "likely cause: operators CONV_2D on CPU: " in done.stdout
    failure = junit(results).find("testcase/failure")
    assert failure is not None
    assert "options: xnnpack=False" in (failure.text or "")

    history = [
        json.loads(line)
        for path in (results / "nightly").glob("*.jsonl")
        for line in path.read_text("utf-8").splitlines()
    ]
    (entry,) = [one for one in history if one["metric"] == "latency_p50_ns"]
    assert (entry["status"], entry["quads"], len(entry["runs"])) == ("regression", 4, 2)

    compared = benchfarm("compare", "latest", "--by", "arm")
    assert compared.returncode == 1
    assert "candidate  reference" in compared.stdout

    limited = write_scenario(**NIGHT, arms=SLOW, limits=[{"max_regression": "10%"}])
    ran = benchfarm("run", limited)
    assert ran.returncode == 1
    assert "limit exceeded: max_regression: kws_ref_model" in ran.stderr


def test_a_baseline_is_pinned_and_compared_with(benchfarm, write_scenario, results) -> None:
    scenario = write_scenario(**NIGHT)
    kept = benchfarm("baselines", "save", "good", scenario)
    assert kept.returncode == 0, kept.stderr
    stored = json.loads(Path(kept.stdout.strip()).read_text("utf-8"))
    assert "sha256" in stored["arm"]["builds"]["tflite"]

    same = benchfarm("nightly", scenario, "--baseline", "good")
    assert same.returncode == 2
    assert "the arms differ in nothing here" in same.stderr
    worse = benchfarm("nightly", write_scenario(**NIGHT, arms=SLOW), "--baseline", "good")
    assert worse.returncode == 1, worse.stderr

    unknown = benchfarm("nightly", scenario, "--baseline", "other")
    assert (unknown.returncode, "there is good" in unknown.stderr) == (2, True)
    stored["arm"]["builds"]["tflite"] = "ai-edge-litert 0.1, sha256 0"
    (results / "baselines/good.json").write_text(json.dumps(stored), "utf-8")
    changed = benchfarm("nightly", write_scenario(**NIGHT, arms=SLOW), "--baseline", "good")
    assert changed.returncode == 2
    assert "pinned to tflite ai-edge-litert 0.1" in changed.stderr


def test_another_interpreter_runs_its_own_engine(
    benchfarm, write_scenario, tmp_path: Path, results
) -> None:
    """A second environment that sees the same packages: another path, the same build."""
    other = tmp_path / "other" / "bin" / "python"
    other.parent.mkdir(parents=True)
    other.symlink_to(sys.executable)
    other.parents[1].joinpath("pyvenv.cfg").write_text(
        Path(sys.prefix, "pyvenv.cfg").read_text("utf-8"), "utf-8"
    )
    other.parents[1].joinpath("lib").symlink_to(Path(sys.prefix, "lib"))
    arms = {"equal": True, "candidate": {"python": str(other)}}
    done = benchfarm("run", write_scenario(**NIGHT, arms=arms))
    assert done.returncode == 0, done.stderr
    (plan,) = results.rglob("plan.json")
    builds = {cell["build"] for cell in json.loads(plan.read_text("utf-8"))["cells"].values()}
    assert len(builds) == 1
    assert "sha256" in next(iter(builds))

    missing = benchfarm("run", write_scenario(**NIGHT, arms={"candidate": {"python": "/bin/true"}}))
    assert missing.returncode == 2
    assert "candidate arm: local: /bin/true has no tflite" in missing.stderr


@pytest.mark.parametrize(
    ("changes", "words", "message"),
    [
        ({}, (), "has no arms to compare"),
        ({"arms": {}}, (), "the arms differ in nothing here"),
        ({"arms": SLOW}, ("--set", "finish_by=2020-01-01T06:30"), "finish_by 2020-01-01T06:30 was"),
        ({"arms": SLOW}, ("--set", "repeats=3"), "write an even number"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    benchfarm, write_scenario, changes, words, message
) -> None:
    done = benchfarm("nightly", write_scenario(**NIGHT, **changes), *words)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_one_quad_is_an_incomplete_night(benchfarm, write_scenario) -> None:
    done = benchfarm("nightly", write_scenario(**(NIGHT | {"repeats": 2}), arms=SLOW))
    assert done.returncode == 4, done.stderr
    assert "INCOMPLETE" in done.stdout
    assert "1 quad, 2 needed" in done.stdout


def test_a_night_that_is_over_at_once_drops_everything(benchfarm, write_scenario, results) -> None:
    from datetime import UTC, datetime, timedelta

    end = (datetime.now(UTC) + timedelta(minutes=3)).isoformat(timespec="seconds")
    long = {"loads": [{"kind": "sustained", "seconds": 120}], "repeats": 4}
    done = benchfarm("nightly", write_scenario(**long, arms=SLOW), "--set", f"finish_by={end}")
    assert done.returncode == 4, done.stderr
    assert "dropped to finish by" in done.stdout
    assert junit(results).find("testcase/skipped") is not None


def test_calibration_is_kept_and_shown(benchfarm, write_scenario, results) -> None:
    scenario = write_scenario(**NIGHT, arms={"equal": True}, limits=GENEROUS)
    done = benchfarm("calibrate", scenario, "--quads", 4, "--json")
    assert done.returncode == 0, done.stderr
    (unit,) = json.loads(done.stdout)
    (figures,) = unit["cells"].values()
    assert (figures["measured_quads"], figures["quads"]) == (4, 2)
    assert 0 <= figures["false_alarms"] <= 1
    assert figures["detectable"] > 0.019

    night = benchfarm("nightly", scenario)
    assert night.returncode == 0, night.stderr
    assert "local: calibrated " in night.stdout
    (stored,) = (results / "calibrations").glob("*.json")
    document = json.loads(stored.read_text("utf-8"))
    stored.write_text(json.dumps(document | {"os_build": "Linux 2.6"}), "utf-8")
    void = json.loads(benchfarm("nightly", scenario, "--json").stdout)
    assert {item["id"] for row in void["comparisons"] for item in row["findings"]} == {
        "CALIBRATION-VOID"
    }


def test_a_quad_that_lost_a_trial_is_measured_once_more(
    start_benchfarm, write_scenario, results
) -> None:
    load = [{"kind": "sustained", "seconds": 1}]
    scenario = write_scenario(loads=load, repeats=4, arms={"equal": True}, limits=GENEROUS)
    process = start_benchfarm("nightly", scenario)
    _runner_of(process).send_signal(signal.SIGSEGV)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stdout + stderr
    assert "quads that lost a trial are measured once more" in stderr
    (run,) = (results / "runs").iterdir()
    trials = [json.loads(path.read_text("utf-8")) for path in run.glob("trials/*/trial.json")]
    assert {trial["outcome"] for trial in trials} == {"OK"}
    again = {trial["trial"]["quad"] for trial in trials if trial["attempt"] == 2}
    assert len(again) == 1
    assert sum(trial["attempt"] == 2 for trial in trials) == 4


def _runner_of(process: subprocess.Popen[str]) -> psutil.Process:
    """The first runner that the background night starts."""
    host = psutil.Process(process.pid)
    while process.poll() is None:
        for child in host.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if "device_agents.local.runner" in " ".join(child.cmdline()):
                    return child
        time.sleep(0.02)
    pytest.fail("the night ended before a runner was seen")


def test_a_night_on_a_phone_with_another_build_of_its_runner(
    benchfarm, write_scenario, tmp_path: Path, results
) -> None:
    """A simulated phone; the other build is a copy of ours, so nothing may be found."""
    if missing():
        pytest.skip(missing())
    try:
        ours = runner_files()[0].path.parent
    except UserError as error:
        pytest.skip(str(error))
    other = tmp_path / "next"
    shutil.copytree(
        ours,
        other,
        ignore=lambda folder, names: [name for name in names if Path(folder, name).is_dir()],
    )
    scenario = write_scenario(
        **NIGHT,
        devices=["platform=android"],
        gates={"thermal": "off"},
        prepare={"stay_awake": False, "animations": True},
        arms={"equal": True, "candidate": {"runner": str(other)}},
        limits=GENEROUS,
    )
    with Lab("pixel8", latency_ms=2.0) as lab:
        done = benchfarm("nightly", scenario, "--json", **lab.environment)
    assert done.returncode == 0, done.stderr
    night = json.loads(done.stdout)
    row = night["comparisons"][0]
    assert (row["quads"], row["status"]) == (2, "good")
    assert "SIMULATED-DEVICE" in row["doubts_on_trials"]
    assert "SIMULATED devices took part" in night["summary"]
    assert "SIMULATED-DEVICE" in next(results.rglob("nightly.md")).read_text("utf-8")
    assert "SIMULATED-DEVICE" in next(results.rglob("junit.xml")).read_text("utf-8")
    assert row["candidate"]["build"] == row["reference"]["build"]
    assert row["candidate"]["build"].startswith("runner files, sha256 ")
