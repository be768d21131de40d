"""The first lines of every report: what was measured, what came out, how sure, what to doubt."""

from __future__ import annotations

from dataclasses import dataclass

from harness.findings import Severity
from harness.record import DeviceFacts
from harness.text import one_line
from harness.units import BYTES_PER_MIB
from reports import labels
from reports.accuracy import ACCURACY_METRICS
from reports.compare import Certainty, Comparison, quantized_pairs, winners
from reports.model import CellView, ReportModel
from reports.quantities import title, with_unit
from reports.scope import concerns

#: More statements than this are a table, and there is one below.
_MOST = 4
_FACT_ORDER = ("model", "soc", "cpu", "cores", "ram_bytes", "os")


@dataclass(frozen=True, slots=True)
class Summary:
    """Sentences in plain text."""

    measured: str
    results: tuple[str, ...]
    certainty: str
    doubts: tuple[str, ...]
    simulated: str  #: empty when every device is real


def summarise(model: ReportModel) -> Summary:
    """The summary of a report."""
    fastest, pairs = winners(model.cells), quantized_pairs(model.cells)
    results = _limited([_winner_text(item, model) for item in fastest])
    results += _limited([_pair_text(item, model) for item in pairs])
    if not results:
        results = _single_results(model)
    return Summary(
        measured=_measured(model),
        results=tuple(results),
        certainty=_certainty([*fastest, *pairs], model),
        doubts=_doubts(model),
        simulated=_simulated(model),
    )


def device_text(facts: DeviceFacts) -> str:
    """The device with the facts that identify it: ``local (Xeon, 2 cores, Linux)``."""
    name, kind = one_line(facts.device_id), device_kind(facts)
    return f"{name} ({kind})" if kind else name


def device_kind(facts: DeviceFacts) -> str:
    """What kind of device it is: ``Xeon, 2 cores, 23.5 GiB RAM, Linux``; empty if nothing tells."""
    parts: list[str] = []
    for name in _FACT_ORDER:
        value = facts.values.get(name)
        if value in (None, ""):
            continue
        if name == "cores":
            parts.append(f"{value} cores")
        elif name == "ram_bytes" and isinstance(value, int | float):
            parts.append(f"{value / BYTES_PER_MIB / 1024:.1f} GiB RAM")
        else:
            parts.append(one_line(str(value)))
    return ", ".join(dict.fromkeys(parts))


def varying(cells: tuple[CellView, ...]) -> frozenset[str]:
    """The facets in which the cells differ; the others need to be said only once."""
    found = {name for name in labels.FACETS if len({cell.facets[name] for cell in cells}) > 1}
    if "engine_version" in found:  # an engine is named with its version
        found.add("engine")
    return frozenset(found)


def _measured(model: ReportModel) -> str:
    devices = {facts.device_id: device_text(facts) for run in model.runs for facts in run.facts}
    used = sorted({cell.facets["device"] for cell in model.cells})
    where = _few([devices.get(device, device) for device in used], "; ") or "no device"
    if len(used) > _MOST:
        where = f"{len(used)} devices: {where}"
    cells = len(model.cells)
    planned = model.counts.planned
    return (
        f"{_plural(planned, 'trial')} of {_plural(cells, 'cell')} on {where}: {model.counts.text}."
    )


def _winner_text(found: Comparison, model: ReportModel) -> str:
    differing = varying(tuple(c for c in model.cells if c.group == found.better.group))
    better, other = (_name(cell, differing) for cell in (found.better, found.other))
    value = with_unit(found.metric, found.better.estimates[found.metric])
    next_value = with_unit(found.metric, found.other.estimates[found.metric])
    context = _context(found.better, model)
    head = f"{context}{better} is fastest: {value} {title(found.metric)}."
    if found.certainty is Certainty.UNCLEAR:
        text = f"{head} It is not clearly ahead of {other} ({next_value})."
    else:
        text = f"{head} That is {factor_text(found)} as fast as {other} ({next_value})."
    return text + _doubted([found.better, found.other], found.metric)


def _pair_text(found: Comparison, model: ReportModel) -> str:
    differing = varying(model.cells) & {"engine", "delegate", "threads", "options"}
    setting = labels.cell_text(found.better.facets, frozenset(labels.FACETS) - differing)
    where = f"With {setting}, " if setting else ""
    context = _context(found.better, model)
    text = f"{context}{where}{found.better.label} runs {factor_text(found)} as fast as "
    text += found.other.label
    if found.certainty is Certainty.UNCLEAR:
        text += "; the interval contains 1, so this run shows no difference"
    elif found.certainty is Certainty.CLEAR and found.factor.value < 1:
        text += ": quantization slows it down"
    return f"{text}.{_doubted([found.better, found.other], found.metric)}"


def _doubted(cells: list[CellView], metric: str) -> str:
    """What casts doubt on the number of one of the cells."""
    ids = {
        item.id
        for cell in cells
        for item in cell.findings
        if item.severity is not Severity.NOTE and concerns(item.id, metric, item.seen)
    }
    return f" In doubt: {', '.join(sorted(ids))}." if ids else ""


def factor_text(found: Comparison) -> str:
    """``1.85 times [1.80, 1.90]``."""
    factor = found.factor
    if factor.low is None or factor.high is None:
        return f"{factor.value:.2f} times (no interval)"
    decimals = 2 if (factor.high - factor.low) >= 0.02 else 3
    return (
        f"{factor.value:.{decimals}f} times [{factor.low:.{decimals}f}, {factor.high:.{decimals}f}]"
    )


def _context(cell: CellView, model: ReportModel) -> str:
    """What must be said because the report holds more than one of it."""
    differing = varying(model.cells) & {"device", "run", "load", "batch"}
    timed = [other for other in model.cells if other.purpose == "timing"]
    if len({other.facets["load"] for other in timed}) < 2:
        differing -= {"load"}
    context = labels.cell_text(cell.facets, frozenset(labels.FACETS) - differing)
    return f"{context}: " if context else ""


def _name(cell: CellView, differing: frozenset[str]) -> str:
    setting = labels.cell_text(cell.facets, frozenset(labels.FACETS) - differing | {"model"})
    return f"{cell.label} with {setting}" if setting else cell.label


def _single_results(model: ReportModel) -> list[str]:
    measured = [
        (cell, cell.primary)
        for cell in model.cells
        if cell.primary in cell.estimates and cell.purpose != "profile"
    ]
    if not measured:
        measured = [
            (cell, name)
            for cell in model.cells
            for name in ACCURACY_METRICS[:1]
            if name in cell.estimates
        ]
    differing = varying(model.cells) | {"engine", "delegate", "threads"}
    return _limited(
        [
            f"{_name(cell, differing)}: {with_unit(metric, cell.estimates[metric])} "
            f"{title(metric)}.{_doubted([cell], metric)}"
            for cell, metric in measured
        ]
    ) or ([] if _answered(model) else ["Nothing was measured."])


def _answered(model: ReportModel) -> bool:
    """Whether there is something that has a table of its own: answers without labels, profiles."""
    return any(cell.purpose in ("accuracy", "profile") and cell.counts.ok for cell in model.cells)


def _certainty(found: list[Comparison], model: ReportModel) -> str:
    ns = {
        e.n
        for cell in model.cells
        if cell.purpose not in ("accuracy", "profile")
        for e in cell.estimates.values()
    }
    if not ns:
        return ""
    trials = f"{min(ns)}" if min(ns) == max(ns) else f"{min(ns)} to {max(ns)}"
    noun = "trial" if max(ns) == 1 else "trials"
    if max(ns) < 3:
        return f"{trials} {noun} per cell: no interval can be given below 3, take these as hints."
    fresh = ", each a fresh process" if model.fresh else ""
    text = f"Brackets are 95 % intervals over {trials} {noun} per cell{fresh}."
    if any(item.certainty is Certainty.CLEAR for item in found):
        text += " They cover the scatter between trials of this session, not other days or devices."
    return text


def _doubts(model: ReportModel) -> tuple[str, ...]:
    doubts = list(model.mixed)
    doubts += [
        f"{view.id} on {_plural(view.cells, 'cell')}: {view.summary}"
        for view in model.findings
        if view.severity is not Severity.NOTE
    ]
    lost = model.counts.failed + model.counts.invalid + model.counts.missing
    if lost:
        doubts.append(
            f"{_plural(lost, 'trial')} of {model.counts.planned} gave no number: "
            f"{_lost_text(model)}."
        )
    return tuple(doubts)


def _lost_text(model: ReportModel) -> str:
    counts = model.counts
    parts = ((counts.failed, "failed"), (counts.invalid, "invalid"), (counts.missing, "not run"))
    return ", ".join(f"{count} {word}" for count, word in parts if count)


def _simulated(model: ReportModel) -> str:
    devices = sorted({cell.facets["device"] for cell in model.cells if cell.simulated})
    if not devices:
        return ""
    return (
        f"SIMULATED: {_few(devices, ', ')} {'is' if len(devices) == 1 else 'are'} simulated. "
        "These numbers say nothing about a real phone."
    )


def _limited(statements: list[str]) -> list[str]:
    if len(statements) <= _MOST:
        return statements
    left = len(statements) - _MOST
    return [*statements[:_MOST], f"{left} more {'is' if left == 1 else 'are'} in the table."]


def _few(names: list[str], joint: str) -> str:
    """The names, or the first of many and how many more there are."""
    if len(names) <= _MOST:
        return joint.join(names)
    return f"{joint.join(names[:_MOST])} and {len(names) - _MOST} more"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
