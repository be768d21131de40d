"""Stores of every released version render in every format, the same bytes each time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.store.store import ResultsStore
from reports.render import FORMATS, TABLE_FORMATS, write_reports

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "records"
VERSIONS = sorted(path.name for path in GOLDEN.glob("v*"))


@pytest.mark.parametrize("version", VERSIONS)
def test_an_old_store_renders_the_same_twice(version: str, tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / version, tmp_path / "store")
    run = ResultsStore(tmp_path / "store").resolve("latest")
    formats = [*FORMATS, *TABLE_FORMATS]
    first = write_reports([run], formats, tmp_path / "a")
    second = write_reports([run], formats, tmp_path / "b")
    assert first
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
