"""The report page in a real browser: it works, it is quiet, and it asks nobody for anything.

The browser is driven over its own debugging pipe, so that no further package is needed.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reports.html import render_html
from reports.view import build_report

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")
ANSWER_S = 60


class Browser:
    """A headless Chromium that shows one page; ``events`` are what it told unasked."""

    def __init__(self, profile: Path) -> None:
        their_read, self._write = os.pipe()
        self._read, their_write = os.pipe()
        words = [
            *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-dev-shm-usage"),
            *("--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"),
        ]
        # Chromium reads from descriptor 3 and writes to 4.
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{their_read} 4>&{their_write}', "browser", *words],
            pass_fds=(their_read, their_write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(their_read)
        os.close(their_write)
        self._numbers = itertools.count(1)
        self._buffer = b""
        self._session: str | None = None
        self.events: list[dict] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: object) -> dict:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, path: Path, width: int = 1280) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not self.told("Page.loadEventFired"):
            self.events.append(self._receive())
        end = time.monotonic() + ANSWER_S
        while not self.ask("document.getElementById('time-panel').dataset.ready"):
            assert time.monotonic() < end, "the page did not unpack its series"

    def ask(self, expression: str) -> object:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str, text: str = "") -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, text=text)

    def drag(self, y: float, start: float, end: float) -> None:
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=start, y=y)
        for kind, x in (("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)):
            self.call(
                "Input.dispatchMouseEvent",
                type=kind, x=x, y=y, button="left", buttons=1, clickCount=1,
            )  # fmt: skip

    def told(self, method: str) -> list[dict]:
        return [event["params"] for event in self.events if event.get("method") == method]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._read)
        os.close(self._write)

    def _receive(self) -> dict:
        end = time.monotonic() + ANSWER_S
        while b"\0" not in self._buffer:
            assert time.monotonic() < end, "the browser did not answer"
            piece = os.read(self._read, 1 << 16)
            assert piece, "the browser went away"
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of this file."""
    started = Browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the made-up demo run."""
    source = Path(__file__).parents[1] / "unit/reports/made_up.py"
    spec = importlib.util.spec_from_file_location("made_up_for_page", source)
    made_up = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made_up
    spec.loader.exec_module(made_up)
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_html(build_report([made_up.demo_run()])), "utf-8")
    return path


@pytest.fixture
def ask(browser: Browser, page: Path) -> Callable[[str], object]:
    """Ask the freshly opened page."""
    browser.open(page)
    return browser.ask


COLUMN = """Array.from(document.querySelectorAll('#table-1 tbody tr:not([hidden])'),
    row => row.cells[{}].innerText.trim().split('\\n')[0])"""
HEADING = "document.querySelector('#table-1 thead').rows[0].cells[3]"


def test_the_page_is_quiet_and_asks_nobody(browser: Browser, ask) -> None:
    assert ask("document.title") == "quickstart · benchfarm"
    assert browser.told("Log.entryAdded") == []
    assert browser.told("Runtime.exceptionThrown") == []
    assert browser.told("Runtime.consoleAPICalled") == []
    requested = [event["request"]["url"] for event in browser.told("Network.requestWillBeSent")]
    assert len(requested) == 1  # the page itself
    assert requested[0].startswith("file:")


def test_a_heading_sorts_both_ways_and_says_so(ask) -> None:
    ask(f"{HEADING}.querySelector('button').click()")
    up = ask(COLUMN.format(3))
    assert ask(f"{HEADING}.getAttribute('aria-sort')") == "ascending"
    ask(f"{HEADING}.querySelector('button').click()")
    assert ask(f"{HEADING}.getAttribute('aria-sort')") == "descending"
    assert ask(COLUMN.format(3)) == up[::-1]
    numbers = [float(text.rstrip("abcdefg")) for text in up]
    assert numbers == sorted(numbers)
    assert len(numbers) == 4


def test_sorting_works_from_the_keyboard(browser: Browser, ask) -> None:
    ask(f"{HEADING}.querySelector('button').focus()")
    browser.press("Enter", "\r")
    assert ask(f"{HEADING}.getAttribute('aria-sort')") == "ascending"


def test_words_filter_rows_and_the_count_follows(ask) -> None:
    typed = """(() => { const box = document.getElementById('filter-1');
        box.value = %r; box.dispatchEvent(new Event('input')); })()"""
    ask(typed % "INT8 tflite")
    assert ask(COLUMN.format(1)) == ["tflite 2.3.0"]
    assert ask("document.querySelector('.filter-count').textContent") == "1 of 4 rows"
    ask(typed % "")
    assert len(ask(COLUMN.format(1))) == 4


def test_a_mark_leads_to_its_explanation(ask) -> None:
    ask("document.querySelector('#table-1 a.mark.doubt').click()")
    assert ask("!!document.querySelector('#findings div:target')") is True


def test_a_link_opens_the_folded_cell(ask) -> None:
    assert ask("document.getElementById('c2').open") is False
    ask("location.hash = '#c2'")
    assert ask("new Promise(done => setTimeout(done, 0)) && true") is True
    assert ask("document.getElementById('c2').open") is True


PLOTS = "Array.from(document.querySelectorAll('#time-panel [role=img]'), p => p.ariaLabel)"


def spans(labels: list[str]) -> set[str]:
    """What follows the titles: the stretches of time that are shown."""
    return {label.partition(" from ")[2] for label in labels}


def test_zooming_one_chart_zooms_all(browser: Browser, ask) -> None:
    before = ask(PLOTS)
    assert [label.partition(" from ")[0] for label in before] == [
        "Latency",
        "Temperature cpu_thermal",
        "Runner RSS",
        "Runner CPU",
        "CPU of everyone else",
    ]
    assert len(spans(before)) == 1
    ask("document.querySelectorAll('.u-over')[1].scrollIntoView({block: 'center'})")
    box = ask("""(() => { const r = document.querySelectorAll('.u-over')[1].getBoundingClientRect();
        return [r.left, r.top + r.height / 2, r.width]; })()""")
    left, middle, width = box
    browser.drag(middle, left + width * 0.4, left + width * 0.6)
    zoomed = ask(PLOTS)
    assert len(spans(zoomed)) == 1
    assert spans(zoomed) != spans(before)
    ask("document.querySelector('#time-panel [role=img]').focus()")
    browser.press("0", "0")
    everything = spans(ask(PLOTS))
    assert everything not in (spans(before), spans(zoomed))
    ask("document.querySelector('button.zoom').click()")
    assert ask(PLOTS) == before


def test_cells_trials_and_channels_can_be_chosen(ask) -> None:
    ask("document.querySelector('a.over-time[data-cell=c4]').click()")
    assert "onnxruntime" in ask("document.querySelector('#time-panel option:checked').textContent")
    assert len(ask(PLOTS)) == 5
    ask("document.querySelector('.channel-chips button').click()")
    assert "Temperature cpu_thermal" not in " ".join(ask(PLOTS))
    ask("document.querySelectorAll('.trial-chips button').forEach(chip => chip.click())")
    assert ask("document.querySelector('.missing').textContent") == "No trial is chosen."


def test_an_unreadable_channel_says_why(ask) -> None:
    assert "no cpufreq in this VM" in ask("document.querySelector('#time-panel').innerText")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_never_scrolls_sideways(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width)
    assert browser.ask("document.documentElement.scrollWidth") <= width
