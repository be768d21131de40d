from __future__ import annotations

import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_vendored_files_are_those_that_the_notice_names() -> None:
    notice = (ROOT / "NOTICE").read_text("utf-8")
    named = dict(
        re.findall(r"^  (reports/static/vendor/\S+)\n    ([0-9a-f]{64})$", notice, re.MULTILINE)
    )
    there = {
        path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (ROOT / "reports/static/vendor").rglob("*.*")
    }
    assert named == there
    assert "MIT License" in (ROOT / "reports/static/vendor/uplot/LICENSE").read_text("utf-8")
