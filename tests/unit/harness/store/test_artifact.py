"""Artifact packages: everything a reviewer needs, and digests of all of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.runs import runs
from harness.errors import StoreError, UserError
from harness.store.artifact import write_artifact
from harness.store.store import ResultsStore


def no_tables(_results: Path, tables: Path) -> None:
    tables.mkdir()


def package(store: ResultsStore, target: Path, *selectors: str, render=no_tables, **how) -> None:
    readers = [store.resolve(selector) for selector in selectors]
    write_artifact(readers, target, render, version="0.1.0", **{"anonymous": False, **how})


def test_the_same_run_twice_is_refused(store: ResultsStore, finished_run, tmp_path: Path) -> None:
    run_id = finished_run()
    with pytest.raises(UserError, match="named twice"):
        package(store, tmp_path / "a", run_id, "latest")
    assert not (tmp_path / "a").exists()


def test_a_failing_render_leaves_nothing(store: ResultsStore, finished_run, tmp_path: Path) -> None:
    def fails(_results: Path, _tables: Path) -> None:
        raise StoreError("no room")

    run_id = finished_run()
    (tmp_path / "out").mkdir()
    with pytest.raises(StoreError, match="no room"):
        package(store, tmp_path / "out" / "a.tar.gz", run_id, render=fails)
    assert list((tmp_path / "out").iterdir()) == []


def test_who_made_it_is_not_told_when_anonymous(
    store: ResultsStore, finished_run, tmp_path: Path
) -> None:
    package(store, tmp_path / "a", finished_run(), anonymous=True)
    assert 'name: "Anonymous"' in (tmp_path / "a" / "CITATION.cff").read_text()
    assert "were replaced" in (tmp_path / "a" / "README.md").read_text()


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_a_reviewer_checks_the_digests_and_makes_the_same_tables(
    store: ResultsStore, finished_run, tmp_path: Path
) -> None:
    run_id = finished_run()
    target = tmp_path / "artifact"
    done = CliRunner().invoke(
        runs, ["export", run_id, str(target), "--artifact", "--results", str(store.root)]
    )
    assert done.exit_code == 0, done.output
    assert f"{run_id}" in (target / "README.md").read_text()
    tool = tmp_path / "benchfarm"
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m harness.cli "$@"\n')
    tool.chmod(0o755)

    def make(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])}
        return subprocess.run(
            ["make", "-s", *words, f"BENCHFARM={tool}"],
            cwd=target,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )

    made = make("all")
    assert made.returncode == 0, made.stderr
    assert "the tables are identical" in made.stdout
    samples = next((target / "results").rglob("samples.parquet"))
    samples.write_bytes(samples.read_bytes()[:-1] + b"!")
    assert make("check").returncode != 0


def test_several_runs_go_into_one_artifact_only(
    store: ResultsStore, finished_run, tmp_path: Path
) -> None:
    run_id = finished_run()
    words = ["export", run_id, run_id, str(tmp_path / "a"), "--results", str(store.root)]
    done = CliRunner().invoke(runs, words)
    assert done.exit_code == 2
    assert "--artifact only" in done.output
