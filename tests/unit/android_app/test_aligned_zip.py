from __future__ import annotations

import zipfile

from hypothesis import given, settings
from hypothesis import strategies as st

from android_app.build.aligned_zip import Entry, data_offsets, write_zip

ENTRIES = st.lists(
    st.builds(
        Entry,
        st.text("abcxyz/_é", min_size=1, max_size=30),
        st.binary(max_size=300),
        st.sampled_from([0, 4, 4096, 16384]),
    ),
    unique_by=lambda entry: entry.name,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(entries=ENTRIES)
def test_what_is_aligned_is_stored_on_its_boundary(tmp_path_factory, entries):
    path = tmp_path_factory.mktemp("zip") / "x.zip"
    write_zip(path, entries)
    offsets = data_offsets(path)
    raw = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [entry.name for entry in entries]
        for entry in entries:
            assert archive.read(entry.name) == entry.content
    assert set(offsets) == {entry.name for entry in entries if entry.alignment}
    for entry in entries:
        if entry.alignment:
            begin = offsets[entry.name]
            assert begin % entry.alignment == 0
            assert raw[begin : begin + len(entry.content)] == entry.content


def test_the_same_entries_are_the_same_bytes(tmp_path):
    entries = [Entry("a", b"text " * 100), Entry("lib/x.so", b"native", 16384)]
    write_zip(tmp_path / "1.zip", entries)
    write_zip(tmp_path / "2.zip", entries)
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
