"""docs/wire.md names everything the wire has."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.wire import format as limits
from harness.wire import messages as m
from harness.wire.schema import TYPES

PAGE = (Path(__file__).parents[4] / "docs" / "wire.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TYPES)
def test_every_message_and_field(name):
    assert f"**{name}**" in PAGE or f"`{name}`" in PAGE
    for field in dataclasses.fields(TYPES[name]):
        assert f"`{field.name}`" in PAGE, f"{name}.{field.name}"


@pytest.mark.parametrize("cls", [m.Block, m.WireTensor])
def test_every_part(cls):
    for field in dataclasses.fields(cls):
        assert f"`{field.name}`" in PAGE


@pytest.mark.parametrize("word", [*m.ERROR_CODES, *m.SAMPLE_COLUMNS, m.INTENDED_COLUMN])
def test_every_code_and_column(word):
    assert f"`{word}`" in PAGE


def test_limits():
    assert limits.MAX_JSON_BYTES == 1024**2
    assert limits.MAX_FRAME_BYTES == 64 * 1024**2
    for number in (limits.MAX_FRAMES, limits.MAX_STRING_BYTES, m.MAX_BLOCK_COUNT):
        assert f"{number:,}" in PAGE
    assert f"| {limits.MAX_DEPTH} |" in PAGE
    assert f"{limits.MAX_FRAMES_BYTES // 1024**2} MiB" in PAGE
