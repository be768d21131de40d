from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from android_app.build.elf import NotElf, load_alignment


@pytest.mark.parametrize("bits", [32, 64])
def test_the_smallest_alignment_counts(make_elf, bits):
    assert load_alignment(make_elf(0x10000, 0x1000, 0x4000, bits=bits)) == 0x1000


def test_a_real_program():
    if not sys.platform.startswith("linux"):
        pytest.skip("needs an ELF system")
    assert load_alignment(Path(sys.executable).resolve().read_bytes()) >= 0x1000


@pytest.mark.parametrize("cut", [0, 3, 20, 63, 100])
def test_cut_files_are_refused(make_elf, cut):
    with pytest.raises(NotElf):
        load_alignment(make_elf(0x1000)[:cut])


def test_nothing_to_load_is_refused(make_elf):
    with pytest.raises(NotElf, match="without segments"):
        load_alignment(make_elf())


@given(data=st.binary(max_size=200), prefix=st.sampled_from([b"", b"\x7fELF\x02\x01"]))
def test_random_bytes_are_refused_or_read(data, prefix):
    with contextlib.suppress(NotElf):
        assert load_alignment(prefix + data) >= 0
