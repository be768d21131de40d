from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from harness.text import clean, csv_text, markdown_block, markdown_text, one_line

#: Whatever marks, links, lists or formulas are made of, beside any other text.
MARKUP = st.lists(
    st.sampled_from(
        [
            *"\\`*_{}[]()<>#|~!$&+-.=:/@'\"\t \n1ax",
            *("http://", "HTTPS://x.y", "ftp://", "www.", "WwW.a.b", "a@b.cc", "mailto:", "&amp;"),
            *("](", "![", "<a href=x>", "---", "1. ", "10) ", "\x1b[1m", "\u202e", "\u200f"),
            *("=1+1", "\uff1d1", "\u00a0", "\u061c"),
        ]
    ),
    max_size=12,
).map("".join)
ANY_TEXT = st.one_of(st.text(), MARKUP)
ANY = settings(deadline=None, max_examples=300)
DIRECTION_MARKS = [
    chr(code)
    for code in range(0x10000)
    if unicodedata.bidirectional(chr(code))
    in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
] + ["\u061c", "\u200e", "\u200f"]


def test_terminal_colours_and_control_characters_go() -> None:
    assert clean("\x1b[31mred\x1b[0m\x00") == "red\ufffd"
    assert clean("a\r\nb\tc") == "a\nb\tc"


@pytest.mark.parametrize("mark", DIRECTION_MARKS, ids=lambda mark: f"U+{ord(mark):04X}")
def test_direction_marks_go(mark: str) -> None:
    assert clean(f"phone{mark}gnp.exe") == "phone\ufffdgnp.exe"


def test_text_from_right_to_left_stays() -> None:
    assert (
        one_line("\u0645\u0648\u0628\u0627\u064a\u0644 6")
        == "\u0645\u0648\u0628\u0627\u064a\u0644 6"
    )


@given(ANY_TEXT)
def test_one_line_is_one_line_without_controls(text: str) -> None:
    line = one_line(text)
    assert line == line.strip()
    assert not any(unicodedata.category(character) == "Cc" for character in line)
    assert not any(mark in line for mark in DIRECTION_MARKS)
    line.encode("utf-8")  # lone surrogates would not go into a file


@ANY
@given(ANY_TEXT)
def test_a_markdown_reader_sees_the_very_text(text: str) -> None:
    """One paragraph of plain text: no list, heading, link, image, emphasis, code or HTML."""
    blocks = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown_text(text))
    if not blocks:
        assert one_line(text) == ""
        return
    assert [block.type for block in blocks] == ["paragraph_open", "inline", "paragraph_close"]
    parts = blocks[1].children or []
    assert {part.type for part in parts} <= {"text", "text_special"}
    shown = "".join(part.content for part in parts).replace("\u2060", "")
    assert shown == one_line(text).replace("\u2060", "")


@ANY
@given(ANY_TEXT)
def test_a_table_of_markdown_keeps_its_columns(text: str) -> None:
    table = f"| a | b |\n| --- | --- |\n| {markdown_text(text)} | {markdown_text(text)} |"
    blocks = MarkdownIt("commonmark").enable("table").parse(table)
    assert [block.type for block in blocks].count("td_open") == 2


@ANY
@given(ANY_TEXT)
def test_no_bare_address_is_left_that_becomes_a_link(text: str) -> None:
    """GFM, section 6.9: a scheme with ``://``, ``www.``, and what looks like a mail address."""
    shown = markdown_text(text)
    assert not re.search(r"(?i)(http|https|ftp)://|\bwww\.", shown)
    assert not re.search(r"[\w.+-]+@[\w-]", shown)


@given(st.text(alphabet="`ab\n", max_size=60))
def test_a_fence_is_longer_than_what_it_holds(text: str) -> None:
    first, *inside, last = markdown_block(text).split("\n")
    fence = first.removesuffix("text")
    assert last == fence
    assert all(fence not in line for line in inside)


@pytest.mark.parametrize(
    "text", ['=HYPERLINK("x")', "  =1+1", "\t=1+1", "\n @x", "\u00a0-1", "\u3000+1", "\uff1d1+1"]
)
def test_formulas_become_text(text: str) -> None:
    assert csv_text(text) == f"'{text}"


def test_other_text_stays_as_it_is() -> None:
    assert csv_text("local") == "local"
    assert csv_text("a=b, c-d") == "a=b, c-d"


@ANY
@given(ANY_TEXT)
def test_no_field_of_a_csv_begins_like_a_formula(text: str) -> None:
    shown = csv_text(text)
    assert not shown.strip().startswith(
        ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
    )
    assert shown in (clean(text), f"'{clean(text)}")
