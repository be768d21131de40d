"""Keyed archives and XPC objects of simulated iPhones, also against another implementation."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phones.ios import keyed, xpc

NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
PLAIN = st.none() | st.booleans() | NUMBERS | st.text(st.characters(codec="utf-8")) | st.binary()
#: The archive's own word for nothing cannot be told from nothing.
ARCHIVED = PLAIN.filter(lambda value: value != "$null")
KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


def nested(leaves, keys):
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=12,
    )


@given(nested(ARCHIVED, KEYS.filter(lambda key: key != "$null")))
def test_archives_come_back(value):
    assert keyed.unarchive(keyed.archive(value)) == value


@given(nested(NUMBERS | st.text("abcäß"), st.text("abc")))
def test_archives_are_what_other_readers_take(value):
    archiver = pytest.importorskip("bpylist2.archiver", reason="comes with the extra ios")
    assert archiver.unarchive(keyed.archive(value)) == value


def test_an_error_is_an_error_to_others():
    pytest.importorskip("pymobiledevice3", reason="needs the extra ios")
    from bpylist2 import archiver
    from pymobiledevice3.dtx import ns_types

    ns_types.register_ns_keyed_classes()
    found = archiver.unarchive(keyed.archive(keyed.error("Domain", 7, "why")))
    assert isinstance(found, ns_types.NSError)
    about = {"NSLocalizedDescription": "why"}
    assert (found.domain, found.code, found.user_info) == ("Domain", 7, about)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_archive_are_refused(data):
    with pytest.raises(ValueError):
        keyed.unarchive(data)


@given(nested(PLAIN.filter(lambda v: not isinstance(v, str) or "\0" not in v) | st.uuids(), KEYS))
def test_xpc_objects_come_back(value):
    assert xpc.decode(xpc.encode(value)) == value


@given(st.integers(0, 2**64 - 1))
def test_unsigned_numbers_keep_their_64_bits(number):
    assert xpc.decode(xpc.encode({"n": xpc.Unsigned(number)})) == {"n": number}


def test_xpc_objects_are_what_the_library_reads():
    pytest.importorskip("pymobiledevice3", reason="needs the extra ios")
    from pymobiledevice3.remote import xpc_message

    value = {"a": [1, "zwei", b"\3"], "ü": {"u": xpc.Unsigned(2**63)}, "id": uuid.UUID(int=5)}
    header = xpc._WRAPPER.pack(0x29B00B92, 0x101, len(xpc.encode(value)), 1)
    parsed = xpc_message.XpcWrapper.parse(header + xpc.encode(value)).payload
    assert xpc_message.decode_xpc_object(parsed) == value
    assert xpc.decode(xpc_message._PAYLOAD_HEADER + parsed.build()) == value


@given(st.binary(max_size=200))
def test_bytes_that_are_no_xpc_object_are_refused(data):
    try:
        xpc.decode(data)
    except ValueError:
        return
    assert data.startswith(b"\x42\x37\x13\x42")


@given(st.data())
def test_cut_xpc_objects_are_refused(data):
    whole = xpc.encode({"key": ["value", 5, b"bytes"]})
    with pytest.raises(ValueError):
        xpc.decode(whole[: data.draw(st.integers(0, len(whole) - 1))])
