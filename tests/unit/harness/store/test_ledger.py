from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from harness.clock import ManualClock
from harness.errors import StoreError
from harness.record import Outcome
from harness.store import ledger as ledger_module
from harness.store.ledger import Ledger, ledger_state, read_ledger


def three_lines(path: Path, clock: ManualClock) -> None:
    ledger = Ledger(path, clock)
    ledger.append("opened")
    ledger.append("started", trial="a", attempt=1)
    ledger.append("finished", trial="a", attempt=1, outcome=Outcome.OK)
    ledger.close()


def test_each_line_is_one_json_object_with_its_time(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "ledger.jsonl"
    three_lines(path, clock)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["opened", "started", "finished"]
    assert lines[2]["at"] == "2026-01-01T00:00:00+00:00"
    assert lines[2]["outcome"] == "OK"


def test_a_torn_last_line_never_happened(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "ledger.jsonl"
    three_lines(path, clock)
    data = path.read_bytes()
    for cut in range(data.rfind(b"{"), len(data)):
        path.write_bytes(data[:cut])
        assert [line["event"] for line in read_ledger(path)] == ["opened", "started"]
        assert ledger_state(path).unfinished["a"].attempt == 1

    again = Ledger(path, clock)
    again.append("closed", state="interrupted")
    again.close()
    assert [line["event"] for line in read_ledger(path)] == ["opened", "started", "closed"]


def test_a_line_damaged_in_the_middle_is_told(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "ledger.jsonl"
    three_lines(path, clock)
    path.write_bytes(path.read_bytes().replace(b'"started"', b'"started', 1))
    with pytest.raises(StoreError, match=r"ledger\.jsonl: damaged"):
        list(read_ledger(path))


def test_on_a_full_disk_no_part_of_a_line_stays(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.jsonl"
    three_lines(path, clock)
    before = path.read_bytes()
    ledger = Ledger(path, clock)

    def half_written(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(ledger_module, "write_all", half_written)
        with pytest.raises(StoreError, match="no room"):
            ledger.append("started", trial="a", attempt=2)
    assert path.read_bytes() == before
    assert "a" not in ledger.state.unfinished
    ledger.append("started", trial="a", attempt=2)
    ledger.close()
    assert ledger_state(path).attempts == {"a": 2}
