from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from reports.text import clean, csv_text, markdown_block, markdown_text, one_line


def test_terminal_colours_and_control_characters_go() -> None:
    assert clean("\x1b[31mred\x1b[0m\x00") == "red\ufffd"
    assert clean("a\r\nb\tc") == "a\nb\tc"


def test_direction_overrides_go() -> None:
    assert clean("phone\u202egnp.exe") == "phone\ufffdgnp.exe"


@given(st.text())
def test_one_line_is_one_line_without_controls(text: str) -> None:
    line = one_line(text)
    assert line == line.strip()
    assert not any(unicodedata.category(character) == "Cc" for character in line)
    line.encode("utf-8")  # lone surrogates would not go into a file


def test_markdown_means_nothing_in_names() -> None:
    shown = markdown_text("<b>*x*</b> | [a](b) `c`")
    for character in "<>|*[`":
        assert f"\\{character}" in shown
        assert character not in shown.replace(f"\\{character}", "")


@given(st.text(alphabet="`ab\n", max_size=60))
def test_a_fence_is_longer_than_what_it_holds(text: str) -> None:
    first, *inside, last = markdown_block(text).split("\n")
    fence = first.removesuffix("text")
    assert last == fence
    assert all(fence not in line for line in inside)


def test_formulas_become_text() -> None:
    assert csv_text('=HYPERLINK("x")') == '\'=HYPERLINK("x")'
    assert csv_text("local") == "local"
