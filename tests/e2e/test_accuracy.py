"""Accuracy on real engines: a family evaluated, a scenario with an accuracy pass, a choice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the digits come with scikit-learn")


def test_evaluate_tells_accuracy_and_loss_against_fp32(benchfarm, tmp_path: Path) -> None:
    done = benchfarm("models", "evaluate", "digits_small/int8-static", "-e", "tflite", "--json")
    assert done.returncode == 0, done.stderr
    float_row, int8_row = json.loads(done.stdout)
    assert (float_row["model"], int8_row["model"]) == (
        "digits_small/fp32",
        "digits_small/int8-static",
    )
    assert 85 < float_row["accuracy_top1_percent"] < 99
    low, high = int8_row["accuracy_top1_percent_interval"]
    assert low < int8_row["accuracy_top1_percent"] < high
    against = int8_row["against"]
    assert against["reference"] == "digits_small/fp32"
    lost = float_row["accuracy_top1_percent"] - int8_row["accuracy_top1_percent"]
    assert (against["lost"] - against["gained"]) / 9 == pytest.approx(lost)  # of 900 samples
    assert "against" not in float_row

    wrong = tmp_path / "wrong.npz"
    np.savez(wrong, image=np.zeros((4, 8, 8, 1), np.float32), labels=np.full(4, 12))
    done = benchfarm("models", "evaluate", "digits_small/fp32", "-e", "tflite", "--dataset", wrong)
    assert done.returncode == 4
    assert "has the labels 12 to 12, the model tells 10 classes apart" in done.stderr
    done = benchfarm("models", "evaluate", "mobilenet_v2/fp32")
    assert done.returncode == 2
    assert "give --dataset data.npz, or --dataset random" in done.stderr


def test_a_scenario_measures_speed_and_accuracy_of_one_file(benchfarm, tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.yaml"
    document = {
        "schema": 1,
        "models": [{"family": "digits_small", "variants": ["fp32", "int8-static"]}],
        "blocks": [{"engine": "tflite"}],
        "loads": [{"kind": "burst", "inferences": 20}],
        "accuracy": {"dataset": "digits", "metrics": ["top1"]},
        "repeats": 1,
    }
    scenario.write_text(json.dumps(document))
    done = benchfarm("run", scenario)
    assert done.returncode == 0, done.stderr
    assert "Against fp32 (McNemar)" in done.stdout
    (page,) = (tmp_path / "results" / "runs").glob("*/report/report.html")
    assert "<h2>Accuracy</h2>" in page.read_text()

    deploy = tmp_path / "deploy.json"
    limits = ("--max-accuracy-loss", "90%", "--max-latency-ms", 1000)
    chosen = benchfarm("models", "recommend", "latest", *limits, "--emit", deploy)
    assert chosen.returncode == 0, chosen.stderr
    (entry,) = json.loads(deploy.read_text())["device_classes"]
    assert entry["choice"]["model"] == "digits_small"
    assert len(entry["fallbacks"]) == 1


def test_a_users_files_are_compared_with_the_one_they_name(benchfarm, tmp_path: Path) -> None:
    """Also in a later report: the comparison follows from what is stored."""
    from sklearn.datasets import load_digits

    known = load_digits()
    images = (known.images[:200, ..., np.newaxis] / 16).astype(np.float32)
    np.savez(tmp_path / "data.npz", image=images, labels=known.target[:200])
    for variant in ("fp32", "int8-static"):
        built = benchfarm("models", "build", f"digits_small/{variant}")
        path = next(line for line in built.stdout.splitlines() if ".tflite" in line).split()[-1]
        (tmp_path / f"{variant}.tflite").write_bytes(Path(path).read_bytes())
    done = benchfarm(
        "models", "evaluate", "int8-static.tflite", "--against", "fp32.tflite",
        "--dataset", "data.npz", "-e", "tflite", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    float_row, int8_row = json.loads(done.stdout)
    assert int8_row["against"]["reference"] == float_row["model"] == "fp32"
    later = benchfarm("report", "latest", "--format", "md", "--out", tmp_path / "later")
    assert later.returncode == 0, later.stderr
    said = (tmp_path / "later" / "report.md").read_text()
    assert "Retention" in said
    assert "(p = " in said


def test_a_variant_of_ones_own_calibration_is_asked_its_familys_data(
    benchfarm, tmp_path: Path
) -> None:
    from sklearn.datasets import load_digits

    images = load_digits().images[:120, ..., np.newaxis].astype(np.uint8)
    np.savez(tmp_path / "mine.npz", image=images)
    built = benchfarm("models", "build", "digits_small/int8-static", "--calibration", "mine.npz")
    assert built.returncode == 0, built.stderr
    assert "digits_small/int8-static-mine onnx: " in built.stdout
    done = benchfarm(
        "models", "evaluate", "digits_small/int8-static-mine", "-e", "onnxruntime", "--json"
    )
    assert done.returncode == 0, done.stderr
    float_row, own_row = json.loads(done.stdout)
    assert (float_row["model"], own_row["model"]) == (
        "digits_small/fp32",
        "digits_small/int8-static-mine",
    )
    assert own_row["against"]["reference"] == "digits_small/fp32"


def test_a_folder_of_images_is_a_dataset(benchfarm, tmp_path: Path) -> None:
    from PIL import Image
    from sklearn.datasets import load_digits

    known = load_digits()
    for place in range(100):
        path = tmp_path / "photos" / str(known.target[place]) / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(known.images[place].astype(np.uint8)).save(path)
    done = benchfarm(
        "models", "evaluate", "digits_small/fp32", "--dataset", "photos", "-e", "tflite", "--json"
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert 85 < row["accuracy_top1_percent"] <= 100
    (tmp_path / "photos" / "3" / "damaged.png").write_bytes(b"no image")
    spoilt = benchfarm("models", "evaluate", "digits_small/fp32", "--dataset", "photos/")
    assert "damaged.png: is no image that can be read" in spoilt.stderr + spoilt.stdout
