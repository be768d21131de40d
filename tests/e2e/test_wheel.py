"""A wheel built here works elsewhere: data files, templates and the command come along."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files in a folder of their own; dependencies come from this environment."""
    dist, target = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", dist, ROOT]
    subprocess.run(list(map(str, build)), check=True, capture_output=True)
    (wheel,) = dist.glob("*.whl")
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
