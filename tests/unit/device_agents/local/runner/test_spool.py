"""Messages wait in memory, then in files, until they are acknowledged."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_agents.local.runner.spool import Spool


@pytest.fixture
def spool(tmp_path, monkeypatch):
    monkeypatch.setattr("device_agents.local.runner.spool.MEMORY_LIMIT_BYTES", 10)
    return Spool(tmp_path, disk_limit_bytes=20)


def test_memory_then_files_then_full(spool, tmp_path):
    assert [spool.put(bytes([n]) * 6) for n in range(5)] == [True, True, True, True, False]
    assert [spool.get(seq) for seq in range(1, 6)] == [bytes([n]) * 6 for n in range(5)]
    assert len(list(tmp_path.iterdir())) == 3
    assert spool.crowded
    spool.forget(5)
    assert spool.empty
    assert not spool.crowded
    assert not list(tmp_path.iterdir())
    assert spool.put(b"again")
    assert spool.last_seq == 6


def test_what_was_forgotten_is_gone(spool):
    for _ in range(3):
        spool.put(b"x")
    spool.forget(2)
    assert [spool.get(seq) for seq in (1, 2, 3, 4)] == [None, None, b"x", None]
    assert spool.first_from(1) == 3
    assert spool.first_from(4) == 4


def test_an_ack_from_the_future_or_the_past(spool):
    spool.put(b"x")
    for seq in (-5, 0, 10**18, 0):
        spool.forget(seq)
    assert spool.empty
    spool.put(b"y")
    assert spool.get(2) == b"y"


def test_a_folder_that_takes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("device_agents.local.runner.spool.MEMORY_LIMIT_BYTES", 1)
    spool = Spool(tmp_path / "gone")
    assert not spool.put(b"measured")
    assert spool.get(1) == b"measured"


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_lasting_spool_lies_in_files_while_nobody_listens(tmp_path):
    spool = Spool(tmp_path, lasting=True)
    spool.put(b"one")
    spool.put(b"two")
    assert files(tmp_path) == {}
    spool.host_went(b"ready")
    spool.put(b"three")
    whole = {"0.wire": b"ready", "1.wire": b"one", "2.wire": b"two", "3.wire": b"three"}
    assert files(tmp_path) == whole
    spool.host_came()
    spool.put(b"four")
    assert files(tmp_path) == whole
    assert [spool.get(seq) for seq in range(1, 5)] == [b"one", b"two", b"three", b"four"]
    spool.forget(4)
    assert spool.empty
    assert files(tmp_path) == {"0.wire": b"ready"}


def test_a_lasting_spool_without_room_keeps_to_memory(tmp_path):
    spool = Spool(tmp_path, disk_limit_bytes=8, lasting=True)
    spool.put(b"one")
    spool.host_went(b"ready")
    assert spool.put(b"fourfold")
    assert files(tmp_path) == {"0.wire": b"ready", "1.wire": b"one"}
    assert [spool.get(1), spool.get(2)] == [b"one", b"fourfold"]


def test_any_other_spool_leaves_nothing(tmp_path):
    spool = Spool(tmp_path)
    spool.put(b"one")
    spool.host_went(b"ready")
    spool.put(b"two")
    assert files(tmp_path) == {}


@given(st.lists(st.one_of(st.binary(max_size=8), st.integers(0, 30)), max_size=40))
@settings(deadline=None, max_examples=60)
def test_like_a_plain_dictionary(tmp_path_factory, steps):
    spool = Spool(tmp_path_factory.mktemp("spool"))
    plain = {}
    for step in steps:
        if isinstance(step, bytes):
            spool.put(step)
            plain[spool.last_seq] = step
        else:
            spool.forget(step)
            plain = {seq: data for seq, data in plain.items() if seq > step}
        assert spool.empty == (not plain)
        assert {seq: spool.get(seq) for seq in plain} == plain
