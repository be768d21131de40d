"""Screens that a page shows, and those that it only names."""

from __future__ import annotations

import base64
import struct
import zlib
from html.parser import HTMLParser

import pytest

from reports import pictures
from reports.html import render_html
from reports.pictures import MAX_BYTES, Album
from reports.view import build_report


def png(width=9, height=20, more=0):
    """A grey picture, with ``more`` bytes that nobody looks at."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * width) * height) if width * height < 10**6 else b""
    parts = [chunk(b"IHDR", head), chunk(b"teXt", bytes(more)), chunk(b"IDAT", rows)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


@pytest.fixture
def keep(tmp_path):
    """Makes a trial's picture in a results folder."""

    def make(data, trial="t1"):
        file = tmp_path / "results" / "runs" / "r1" / "trials" / trial / "screen.png"
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
        return file

    return make


def test_a_small_picture_is_taken_whole(keep):
    taken = Album().picture(keep(png()))
    assert (taken.path, taken.size) == ("runs/r1/trials/t1/screen.png", (9, 20))
    assert taken.png == png()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (png(more=MAX_BYTES), "larger than 2 MiB"),
        (b"", "no PNG"),
        (b"\x89PNG\r\n\x1a\n", "no PNG"),
        (b"screencap: permission denied\n" * 9, "no PNG"),
        (png(width=0), "no PNG"),
        (png(width=100_000, height=100_000), "no PNG"),
    ],
    ids=["large", "empty", "cut", "words", "flat", "gigantic"],
)
def test_any_other_is_only_named(keep, data, why):
    named = Album().picture(keep(data))
    assert named.png is None
    assert why in named.left_out
    assert named.path == "runs/r1/trials/t1/screen.png"


def test_a_picture_that_is_gone_is_no_error(tmp_path):
    assert "cannot be read" in Album().picture(tmp_path / "screen.png").left_out


def test_all_pictures_of_a_page_are_bounded(keep, monkeypatch):
    monkeypatch.setattr(pictures, "_ALL_BYTES", len(png()) * 2)
    album = Album()
    taken = [album.picture(keep(png(), f"t{number}")) for number in range(3)]
    assert [one.png is not None for one in taken] == [True, True, False]
    assert "enough pictures" in taken[2].left_out


class Images(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.found.append(dict(attrs))


def page_with(made_up, *screens):
    """The page of a run in which the first trials kept these pictures."""
    run = made_up.demo_run(seconds=0.1)
    for trial, screen in zip(run.plan.trials, screens, strict=False):
        run.trials[trial.id].screen = screen
    page = render_html(build_report([run]))
    images = Images()
    images.feed(page)
    return page, images.found


def test_the_page_shows_it_below_its_trial_in_words_too(made_up, keep):
    page, (image,) = page_with(made_up, keep(png()))
    kind, _, data = image["src"].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data) == png()
    assert image["alt"] == "Screen of local in repeat 1, when something covered the runner"
    assert (image["width"], image["height"]) == ("9", "20")
    assert "img-src data:" in page


def test_the_page_names_a_large_one(made_up, keep, tmp_path):
    page, images = page_with(made_up, keep(png(more=MAX_BYTES)))
    assert images == []
    assert "larger than 2 MiB; see <code>runs/r1/trials/t1/screen.png</code>" in page
    assert str(tmp_path) not in page
