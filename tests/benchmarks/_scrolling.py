"""How smoothly a browser scrolls a page: the times between frames, in a headless Chromium.

Without a graphics card, so that a reader's machine is faster. Each frame moves the page, and each
table that scrolls by itself, by 60 pixels, which is a quick turn of the wheel; or it zooms the
charts over time, all of which are drawn anew.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [entry for entry in (str(ROOT / "tests"),) if entry not in sys.path]

from chromium import CHROMIUM, Browser  # noqa: E402

_FRAMES = """const frames = (move) => new Promise((done) => {
    const at = [], step = (now) => {
      at.push(now);
      if (move(at.length) && at.length < 1500) requestAnimationFrame(step);
      else done(at.slice(1).map((time, index) => time - at[index]));
    };
    requestAnimationFrame(step);
  });
  const scroll = (node) => frames((count) => {
    const before = node.scrollTop;
    node.scrollBy(0, 60);
    return count < 3 || node.scrollTop > before;
  });"""
_SCROLL = """(async () => {
  const times = await scroll(document.documentElement);
  for (const table of document.querySelectorAll('.tall')) {
    table.scrollIntoView();
    times.push(...await scroll(table));
  }
  return times;
})()"""
_ZOOM = """(async () => {
  const chart = document.querySelector('#time-panel [role=img]');
  const keys = ['+', '+', 'ArrowRight', 'ArrowLeft', '-', '-'];
  chart.scrollIntoView();
  return frames((count) => {
    const key = keys[count % keys.length];
    chart.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
    return count < 120;
  });
})()"""
_UNFOLD = "document.querySelectorAll('details').forEach((part) => { part.open = true; })"


@dataclass(frozen=True)
class Frames:
    """Times between frames in milliseconds; 16.7 is every frame of a usual display."""

    p95_ms: float
    worst_ms: float
    count: int


def available() -> bool:
    """Whether there is a browser."""
    return CHROMIUM is not None


def scrolled(page: Path) -> tuple[Frames, Frames, Frames]:
    """From top to bottom as it opens; with every fold open; and zooming the charts over time."""
    with tempfile.TemporaryDirectory(prefix="benchfarm-browser-") as profile:
        browser = Browser(Path(profile))
        try:
            browser.open(page)
            zoomed, opened = _frames(browser, _ZOOM), _frames(browser, _SCROLL)
            browser.ask(_UNFOLD)
            return opened, _frames(browser, _SCROLL), zoomed
        finally:
            browser.close()


def _frames(browser: Browser, script: str) -> Frames:
    whole = f"{{ {_FRAMES}\n{script} }}"
    answer = browser.call(
        "Runtime.evaluate", expression=whole, awaitPromise=True, returnByValue=True
    )
    frames = np.array(answer["result"]["value"])
    return Frames(float(np.percentile(frames, 95)), float(frames.max()), len(frames))
