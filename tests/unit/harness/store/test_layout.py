from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.clock import ManualClock
from harness.store.layout import safe_name
from harness.store.runid import new_run_id


@given(st.text(max_size=400))
def test_names_are_short_ascii_and_cannot_leave_their_folder(text: str) -> None:
    name = safe_name(text)
    assert 0 < len(name.encode()) <= 140
    assert name.isascii()
    assert "/" not in name
    assert name[0] not in ".-"


@given(st.text(max_size=300), st.text(max_size=300))
def test_two_texts_never_share_a_name(one: str, other: str) -> None:
    assert (safe_name(one) == safe_name(other)) == (one == other)


def test_plain_names_stay_and_long_relatives_stay_apart() -> None:
    assert safe_name("net-int8_v2.1-r0") == "net-int8_v2.1-r0"
    assert safe_name("x" * 500 + "a") != safe_name("x" * 500 + "b")
    assert safe_name("модель") != safe_name("модели")
    assert safe_name("..") not in {"..", "."}


def test_run_ids_sort_by_time_and_say_what_ran() -> None:
    clock = ManualClock()
    first = new_run_id(clock, "quickstart", lambda size: "1f" * size)
    clock.advance(10**9)
    second = new_run_id(clock, "quickstart")
    assert first == "20260101T000000Z-quickstart-1f1f"
    assert first < second
    assert len(new_run_id(clock, "長い名前 " * 40)) < 100
