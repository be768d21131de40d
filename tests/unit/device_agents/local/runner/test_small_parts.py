"""Own memory, pushed files, refusals, the lifeline."""

from __future__ import annotations

import os

import pytest

from device_agents.local.runner.files import Store, settle_page_cache
from device_agents.local.runner.lifeline import Lifeline
from device_agents.local.runner.memory import OwnMemory
from device_agents.local.runner.refusal import Refused, refusal_of


def test_own_memory(tmp_path):
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t1\n")
    readings = OwnMemory(str(status)).read()
    assert readings == {"self.rss_bytes": 1024 * 1024, "self.rss_peak_bytes": 2048 * 1024}


def test_memory_that_cannot_be_read_is_no_channel(tmp_path):
    assert OwnMemory(str(tmp_path / "none")).read() == {}
    (tmp_path / "status").write_text("Name:\tkernel thread\n")
    assert OwnMemory(str(tmp_path / "status")).read() == {}


@pytest.mark.parametrize("digest", ["", "..", "../x", "0" * 63, "0" * 65, "G" * 64, "/" * 64])
def test_a_store_gives_away_digests_only(tmp_path, digest):
    (tmp_path / "x").write_text("secret")
    with pytest.raises(Refused) as caught:
        Store(tmp_path / "store").path(digest)
    assert caught.value.code == "no-file"


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / ("a" * 64)).mkdir()
    with pytest.raises(Refused):
        Store(tmp_path).path("a" * 64)


def test_page_cache_is_counted(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(bytes(3 * 4096 + 1))
    assert settle_page_cache(file, "keep").endswith("4 of 4 pages in memory")
    file.write_bytes(b"")
    assert settle_page_cache(file, "keep").endswith("0 of 0 pages in memory")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("Invalid\n  model"), "model-rejected"),
        (MemoryError(), "out-of-memory"),
        (RuntimeError("std::bad_alloc"), "out-of-memory"),
        (RuntimeError("Failed to allocate memory for requested buffer"), "out-of-memory"),
        (Refused("input-rejected", "x"), "input-rejected"),
    ],
)
def test_refusals(error, code):
    refused = refusal_of(error, "model-rejected")
    assert refused.code == code
    assert refused.text
    assert "\n" not in refused.text


def test_a_lifeline_to_nobody_is_never_cut():
    assert not Lifeline(0).cut


def test_a_lifeline_sees_another_parent(monkeypatch):
    monkeypatch.setattr("device_agents.local.runner.lifeline.sys.platform", "other")
    line = Lifeline(os.getppid())
    assert not line.cut
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert line.cut
