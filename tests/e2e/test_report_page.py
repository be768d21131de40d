"""The report page in a real browser: it works, it is quiet, and it asks nobody for anything."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from chromium import CHROMIUM, Browser

from reports.html import render_html
from reports.view import build_report

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of this file."""
    started = Browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def made_up() -> ModuleType:
    """The made-up runs of the unit tests."""
    source = Path(__file__).parents[1] / "unit/reports/made_up.py"
    spec = importlib.util.spec_from_file_location("made_up_for_page", source)
    made_up = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made_up
    spec.loader.exec_module(made_up)
    return made_up


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, made_up: ModuleType) -> Path:
    """The page of the made-up demo run."""
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


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, made_up: ModuleType) -> Path:
    """The page of forty devices."""
    cells = [made_up.make_cell(device=f"android:R5CT{n:06X}") for n in range(40)]
    plan = made_up.make_plan(cells, 1)
    trials = {t.id: made_up.make_trial(t, p50_ms=9, seed=1, seconds=0.2) for t in plan.trials}
    path = tmp_path_factory.mktemp("many") / "report.html"
    path.write_text(render_html(build_report([made_up.MemoryRun(plan, trials)])), "utf-8")
    return path


CORNERS = """(() => { const scroll = document.querySelector('.tall'); scroll.scrollTo(9999, 500);
    const box = scroll.getBoundingClientRect(), place = (what) => {
        const found = scroll.querySelector(what).getBoundingClientRect();
        return [Math.round(found.left - box.left), Math.round(found.top - box.top)]; };
    const [left] = place('tbody td.device'), [name] = place('tbody th');
    return [place('thead th.device'), left, name > 0]; })()"""


@pytest.mark.parametrize("width", [360, 1280])
def test_a_long_table_keeps_headings_and_devices_in_sight(
    browser: Browser, many: Path, width: int
) -> None:
    browser.open(many, width)
    assert browser.ask(CORNERS) == [[0, 0], 0, True]
    assert browser.ask("document.documentElement.scrollWidth") <= width


def test_a_link_from_the_table_opens_a_cell_that_is_folded_twice(
    browser: Browser, many: Path
) -> None:
    browser.open(many)
    browser.ask("document.querySelector('#table-1 a[href=\"#c40\"]').click()")
    assert browser.ask("new Promise(done => setTimeout(done, 0)) && true") is True
    assert browser.ask("document.getElementById('c40').open") is True
    assert browser.ask("document.getElementById('c40').getBoundingClientRect().height") > 100
