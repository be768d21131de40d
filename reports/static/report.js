"use strict";
(async function () {
  function make(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  // --- time series -------------------------------------------------------------------------------

  // Deflated JSON in base 64, see reports/payload.py.
  async function unpacked(id) {
    const packed = Uint8Array.from(atob(document.getElementById(id).textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return new Response(stream).json();
  }

  const panel = document.getElementById("time-panel");
  if (typeof DecompressionStream === "undefined") {
    panel.textContent = "This browser is too old to unpack the time series (it needs DecompressionStream, of 2023).";
    return;
  }
  const data = await unpacked("series");
  const COLOURS = 8;
  const LOG_FROM = 50; // largest to smallest latency from which a linear axis shows only the largest
  const state = { cell: 0, trials: new Set(), channels: new Set(), charts: [], range: null, full: null, log: false };

  function style(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function chip(label, pressed, onToggle, colour) {
    const button = make("button", { type: "button", "aria-pressed": String(pressed) });
    if (colour) button.append(make("i", { class: `swatch c${colour}`, "aria-hidden": "true" }));
    button.append(label);
    button.addEventListener("click", () => {
      const now = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(now));
      onToggle(now);
    });
    return button;
  }

  function toggle(set, key) {
    return (on) => {
      if (on) set.add(key); else set.delete(key);
      drawCharts();
    };
  }

  function nearest(values, index) {
    for (let step = 0; step < values.length; step++) {
      if (values[index - step] != null) return index - step;
      if (values[index + step] != null) return index + step;
    }
    return index;
  }

  function fullRange(curves) {
    const ends = curves.flatMap((curve) => [curve[0][0], curve[0][curve[0].length - 1]]);
    return [Math.min(...ends), Math.max(...ends)];
  }

  // One x for all lines of a chart; where a line has no point of its own it gets a gap, spanned.
  function joined(curves, range) {
    return uPlot.join([[range, [null, null]], ...curves]);
  }

  function timeText(seconds) {
    if (Math.abs(seconds) >= 7200) return `${+(seconds / 3600).toFixed(3)} h`;
    return `${+seconds.toFixed(3)} s`;
  }

  // The timed part and a little of the warm-up before it.
  function timedRange(full) {
    return [Math.max(full[0], -full[1] / 10), full[1]];
  }

  function showRange(range, except) {
    state.range = range;
    for (const chart of state.charts) {
      if (chart !== except) chart.setScale("x", { min: range[0], max: range[1] });
    }
  }

  function shadeWarmup(chart) {
    const { ctx, bbox } = chart;
    const zero = Math.min(Math.max(chart.valToPos(0, "x", true), bbox.left), bbox.left + bbox.width);
    if (zero <= bbox.left) return;
    ctx.save();
    ctx.fillStyle = style("--tint");
    ctx.fillRect(bbox.left, bbox.top, zero - bbox.left, bbox.height);
    ctx.restore();
  }

  function axis(range) {
    const hours = range[1] - range[0] > 4 * 3600;
    return {
      stroke: style("--soft"), grid: { stroke: style("--grid"), width: 1 }, ticks: { show: false },
      font: "12px system-ui, sans-serif", size: 32,
      values: (_, ticks) => ticks.map((tick) => (hours ? `${+(tick / 3600).toFixed(2)} h` : `${+tick.toFixed(3)} s`)),
    };
  }

  function drawChart(host, title, unit, lines, range, height, log) {
    const readout = make("span", { class: "readout" });
    const simulated = data.cells[state.cell].simulated ? "SIMULATED " : "";
    host.append(make("p", { class: "plot-title" }, make("span", {}, simulated, make("b", {}, title), unit ? ` [${unit}]` : ""), readout));
    const place = make("div", { tabindex: "0", role: "img", "aria-label": `${title} over time` });
    host.append(place);
    const table = joined(lines.map((line) => line.curve), range);
    const options = {
      width: Math.max(240, place.clientWidth), height,
      legend: { show: false },
      scales: { x: { time: false }, y: { distr: log ? 3 : 1 } },
      cursor: {
        sync: { key: "time", scales: ["x", null], setSeries: false, filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
        drag: { x: true, y: false },
        dataIdx: (chart, series, index) => (series === 0 ? index : nearest(chart.data[series], index)),
        points: { size: 6 },
      },
      series: [{}, { show: false }, ...lines.map((line) => ({
        label: line.name, stroke: style(`--c${line.colour}`), width: 1.25, spanGaps: true, points: { show: false },
      }))],
      axes: [axis(range), { ...axis(range), size: 56, space: 26, values: (_, ticks) => ticks.map((tick) => (tick === null ? null : String(+tick.toPrecision(6)))) }],
      hooks: {
        drawClear: [shadeWarmup],
        setCursor: [(chart) => { readout.textContent = chart.cursor.left < 0 ? "" : readoutText(chart, lines); }],
        setScale: [(chart, key) => {
          const { min, max } = chart.scales.x;
          if (key === "x" && min != null) place.setAttribute("aria-label", `${title} from ${timeText(min)} to ${timeText(max)}`);
          const known = state.range && state.range[0] === min && state.range[1] === max;
          if (key === "x" && !known) showRange([min, max], chart);
        }],
      },
    };
    const chart = new uPlot(options, table, place);
    place.addEventListener("keydown", (event) => moveByKey(event, range));
    return chart;
  }

  function readoutText(chart, lines) {
    const at = chart.posToVal(chart.cursor.left, "x");
    const values = lines.slice(0, 5).map((line, index) => {
      const value = chart.data[index + 2][chart.cursor.idxs[index + 2]];
      return value == null ? "" : `${+value.toPrecision(4)}`;
    });
    return `${timeText(at)}:  ${values.filter(Boolean).join("  ·  ")}`;
  }

  function moveByKey(event, full) {
    const [low, high] = state.range || full;
    const width = high - low;
    const moves = {
      ArrowLeft: [low - width / 5, high - width / 5], ArrowRight: [low + width / 5, high + width / 5],
      "+": [low + width / 4, high - width / 4], "-": [low - width / 2, high + width / 2], 0: full,
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const [from, to] = moves[event.key];
    showRange([Math.max(full[0], from), Math.min(full[1], to)]);
  }

  function linesOf(cell, pick) {
    return cell.trials.flatMap((trial, index) => {
      const curve = state.trials.has(index) ? pick(trial) : undefined;
      return curve && curve[0].length ? [{ name: trial.name, colour: (index % COLOURS) + 1, curve }] : [];
    });
  }

  function drawCharts() {
    state.charts.forEach((chart) => chart.destroy());
    state.charts = [];
    state.range = null;
    const host = panel.querySelector(".plots");
    host.replaceChildren();
    const cell = data.cells[state.cell];
    const latency = linesOf(cell, (trial) => trial.latency);
    const wanted = Array.from(state.channels).sort((a, b) => a - b);
    const panels = wanted.map((key) => ({ ...data.channels[key], key, lines: linesOf(cell, (trial) => trial.channels[key]) }));
    const all = [...latency, ...panels.flatMap((entry) => entry.lines)].map((line) => line.curve);
    if (!latency.length) {
      host.append(make("p", { class: "missing" }, "No trial is chosen."));
      return;
    }
    const range = fullRange(all);
    const charts = [drawChart(host, "Latency", state.log ? "ms, log scale" : "ms", latency, range, 240, state.log)];
    for (const entry of panels) {
      if (entry.lines.length) charts.push(drawChart(host, entry.title, entry.unit, entry.lines, range, 130, false));
    }
    drawMissing(host, cell);
    state.charts = charts;
    state.full = range;
    showRange(timedRange(range));
  }

  function drawMissing(host, cell) {
    const lines = Object.entries(cell.missing).map(([key, reason]) => `${data.channels[key].title}: ${reason}`);
    if (cell.temperature) lines.unshift(`Temperature: ${cell.temperature}`);
    if (!lines.length) return;
    host.append(make("div", { class: "missing" }, "Unavailable", make("ul", {}, ...lines.map((line) => make("li", {}, line)))));
  }

  function spansDecades(cell) {
    const values = cell.trials.flatMap((trial) => trial.latency[1]);
    const low = values.reduce((a, b) => Math.min(a, b), Infinity);
    const high = values.reduce((a, b) => Math.max(a, b), 0);
    return low > 0 && high / low > LOG_FROM;
  }

  function chooseCell(index) {
    const cell = data.cells[index];
    state.cell = index;
    state.trials = new Set(cell.trials.map((_, trial) => trial).slice(0, COLOURS));
    const present = data.channels.map((_, key) => key).filter((key) => cell.trials.some((trial) => key in trial.channels));
    state.channels = new Set(present.filter((key) => data.channels[key].main).slice(0, 4));
    const trials = cell.trials.map((trial, key) =>
      chip(trial.name, state.trials.has(key), toggle(state.trials, key), (key % COLOURS) + 1));
    const channels = present.map((key) => chip(data.channels[key].title, state.channels.has(key), toggle(state.channels, key)));
    state.log = spansDecades(cell);
    const log = chip("Log latency", state.log, (on) => { state.log = on; drawCharts(); });
    panel.querySelector(".trial-chips").replaceChildren(...trials);
    panel.querySelector(".channel-chips").replaceChildren(...channels, log);
    panel.querySelector("select").value = String(index);
    drawCharts();
  }

  function zoomButton(label, range) {
    const button = make("button", { type: "button", class: "zoom" }, label);
    button.addEventListener("click", () => { if (state.charts.length) showRange(range()); });
    return button;
  }

  function setUpPanel() {
    if (!data.cells.length) {
      panel.replaceChildren(make("p", { class: "note" }, "No trial left samples to draw."));
      return;
    }
    const select = make("select", { "aria-label": "Cell" });
    data.cells.forEach((cell, index) => select.append(make("option", { value: String(index) }, cell.name)));
    select.addEventListener("change", () => chooseCell(Number(select.value)));
    panel.replaceChildren(
      make("div", { class: "controls" }, select,
        zoomButton("Timed part", () => timedRange(state.full)), zoomButton("Everything", () => state.full)),
      make("div", { class: "controls" },
        make("div", { class: "chips trial-chips", role: "group", "aria-label": "Trials" }),
        make("div", { class: "chips channel-chips", role: "group", "aria-label": "Channels" })),
      make("div", { class: "plots" }));
    for (const link of document.querySelectorAll("a.over-time")) {
      const index = data.cells.findIndex((cell) => cell.id === link.dataset.cell);
      link.addEventListener("click", () => chooseCell(index));
    }
    chooseCell(0);
    let width = panel.clientWidth;
    new ResizeObserver(() => {
      if (panel.clientWidth === width) return;
      width = panel.clientWidth;
      state.charts.forEach((chart) => chart.setSize({ width: Math.max(240, width), height: chart.height }));
    }).observe(panel);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
  }
  setUpPanel();
  panel.dataset.ready = "true";
})();
