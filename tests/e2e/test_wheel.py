"""A wheel built here works elsewhere: data files, templates, the command and the runners.

Where the Android runners cannot be built the wheel is one without them, and their tests skip.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from android_app.build import runners, sources
from android_app.build.errors import ArtefactUnavailable, ToolMissing
from android_app.build.layout import FLAVOURS

#: The runners of one flavour for three ABIs are 16 MB, which a wheel packs into 7 MB.
LARGEST_WHEEL_BYTES = 12_000_000
LARGEST_PURE_WHEEL_BYTES = 2_000_000
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def no_runners() -> str:
    """Why no Android runner can be built here; empty when it can."""
    try:
        runners.for_wheel()
    except (ToolMissing, ArtefactUnavailable) as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def wheel(no_runners: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    environment = os.environ | ({"BENCHFARM_WHEEL": "pure"} if no_runners else {})
    return built("wheel", tmp_path_factory.mktemp("dist"), environment)


def built(kind: str, dist: Path, environment: dict[str, str]) -> Path:
    build = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", dist, ROOT]
    subprocess.run(list(map(str, build)), check=True, capture_output=True, env=environment)
    (found,) = dist.iterdir()
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files in a folder of their own; dependencies come from this environment."""
    target = tmp_path_factory.mktemp("installed")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", target, wheel]
    subprocess.run(list(map(str, install)), check=True, capture_output=True)
    return target


def python(installed: Path, folder: Path, *words: str) -> str:
    environment = os.environ | {
        "PYTHONPATH": str(installed),
        "BENCHFARM_CACHE": str(folder / "cache"),
        "BENCHFARM_LEASES": str(folder / "leases"),
    }
    done = subprocess.run(
        [sys.executable, *words],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_is_what_runs(installed: Path, tmp_path: Path) -> None:
    where = python(installed, tmp_path, "-c", "import harness; print(harness.__file__)")
    assert where.startswith(str(installed))


def test_schema_catalogue_and_quickstart_come_along(installed: Path, tmp_path: Path) -> None:
    assert '"properties"' in python(installed, tmp_path, "-m", "harness.cli", "schema")
    assert "mobilenet_v2" in python(installed, tmp_path, "-m", "harness.cli", "models", "list")
    code = "from harness.models.builtin import builtin_folder as f; print(f() / 'quickstart.yaml')"
    quickstart = python(installed, tmp_path, "-c", code).strip()
    assert quickstart.startswith(str(installed))
    assert "12 trials" in python(installed, tmp_path, "-m", "harness.cli", "plan", quickstart)


def test_it_measures_and_renders_elsewhere(
    installed: Path, tmp_path: Path, shared_models: Path
) -> None:
    model = str(shared_models / "kws_ref_model.tflite")
    words = ("-m", "harness.cli", "bench", model, "-r", "1", "--seconds", "0.1")
    assert "Report:" in python(installed, tmp_path, *words)
    (page,) = tmp_path.glob("results/runs/*/report/*.html")
    assert page.stat().st_size > 10_000


def test_the_size_is_as_stated(no_runners: str, wheel: Path) -> None:
    limit = LARGEST_PURE_WHEEL_BYTES if no_runners else LARGEST_WHEEL_BYTES
    assert wheel.stat().st_size < limit


def test_the_sdist_has_all_that_the_runners_are_built_from(tmp_path: Path) -> None:
    with tarfile.open(built("sdist", tmp_path / "dist", dict(os.environ))) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.glob("benchfarm-*")
    assert (unpacked / "hatch_build.py").is_file()
    assert not list(unpacked.rglob("*.p12"))
    code = "from android_app.build import layout as l, sources as s;"
    code += "print([s.build_id(l.FLAVOURS[name]) for name in sorted(l.FLAVOURS)])"
    ids = [sources.build_id(FLAVOURS[name]) for name in sorted(FLAVOURS)]
    assert python(unpacked, tmp_path, "-c", code).strip() == str(ids)


def test_runners_and_their_notices_come_along(
    no_runners: str, installed: Path, tmp_path: Path
) -> None:
    if no_runners:
        pytest.skip(f"a wheel without Android runners: {no_runners}")
    folder = installed / "device_agents" / "android" / "runner_files"
    listed = json.loads((folder / "runners.json").read_text())["runners"]
    assert {path.name for path in folder.iterdir()} == {"runners.json", *listed}
    for abi in ("arm64-v8a", "armeabi-v7a", "x86_64"):
        assert listed[f"benchfarm-runner-tflite-{abi}.apk"]["abi"] == abi
    assert "benchfarm-runner.jar" in listed
    for name, entry in listed.items():
        content = (folder / name).read_bytes()
        assert len(content) == entry["size_bytes"]
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    code = "from device_agents.android import packages as p;"
    code += "print(p.runner_apk(['arm64-v8a'], 'tflite').path, p.runner_jar().path)"
    assert python(installed, tmp_path, "-c", code).split() == [
        str(folder / name)
        for name in ("benchfarm-runner-tflite-arm64-v8a.apk", "benchfarm-runner.jar")
    ]
    (notices,) = installed.glob("*.dist-info/licenses/android_app/notices/tflite.txt")
    assert "XNNPACK" in notices.read_text()
