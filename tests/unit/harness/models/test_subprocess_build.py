"""What is said of builders that die without a word."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import pytest

from harness.errors import CatalogueError
from harness.models import subprocess_build

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - as shutil's


@pytest.mark.parametrize("written", ["", "{", "[]", None])
@pytest.mark.parametrize(("free", "told"), [(0, "no room is left in"), (10**9, "exit code 1")])
def test_a_result_that_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str | None, free: int, told: str
) -> None:
    """A full disk leaves an empty file behind, or none."""

    def ended(job_path: Path, log_path: Path) -> int:
        log_path.write_text("")
        if written is not None:
            (tmp_path / "result.json").write_text(written)
        return 1

    monkeypatch.setattr(subprocess_build, "_run", ended)
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**9, 0, free))
    with pytest.raises(CatalogueError, match=f"building x failed: .*{told}") as caught:
        subprocess_build.run_job("building x", {"kind": "build"}, tmp_path)
    assert "\n" not in str(caught.value)
