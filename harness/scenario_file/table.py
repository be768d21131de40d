"""Every key of a scenario file: the one table that parsing and the JSON schema come from."""

from __future__ import annotations

from typing import Any

from harness.findings import KINDS
from harness.scenario import (
    DeviceSelector,
    Exclusion,
    LabDevice,
    Limit,
    MemoryPass,
    Order,
    ProfilePass,
    Repeats,
    Require,
    Scenario,
)
from harness.scenario_file.accuracy import ACCURACY
from harness.scenario_file.arms import ARMS, TimeOfDay
from harness.scenario_file.document import SCHEMA_VERSION
from harness.scenario_file.energy import ENERGY, METER, USB_POWER
from harness.scenario_file.gates import AMBIENT, GATES
from harness.scenario_file.kinds import (
    Choice,
    FilePath,
    Flag,
    Integer,
    NotYet,
    Number,
    Percent,
    Text,
    Word,
)
from harness.scenario_file.loads import LOAD, WARMUP
from harness.scenario_file.models import BLOCK, CELL_KEYS, EXCLUSION, MODEL
from harness.scenario_file.prepare import PREPARE
from harness.scenario_file.selectors import SELECTOR
from harness.scenario_file.structures import Key, Many, Misfit, Named, Record
from harness.validity.limits import bound_names

_MAX_REPEATS = 1000
_MAX_SEED = 2**53  # what every JSON reader keeps exactly


def _repeats(**values: Any) -> Repeats:
    least = values.get("min", Repeats().min)
    made = Repeats(least, values.get("max", least), values.get("until_ci"))
    if made.max < made.min:
        raise Misfit("max" if "max" in values else "min", f"max {made.max} is below min {made.min}")
    if made.until_ci is not None and made.max == made.min:
        raise Misfit("until_ci", "needs a max above min to have something to decide")
    if made.until_ci is None and made.max > made.min:
        raise Misfit("max", "is above min, but nothing says when to stop; add until_ci: 2%")
    return made


REPEATS = Record(
    _repeats,
    {
        "min": Key(Integer(1, _MAX_REPEATS), "trials of each cell, at least"),
        "max": Key(Integer(1, _MAX_REPEATS), "trials of each cell, at most"),
        "until_ci": Key(
            Percent(), "stop between min and max once the 95 % interval is within +- this share"
        ),
    },
    shorthand="min",
)

ORDER = Record(
    Order,
    {
        "kind": Key(
            Choice(("interleaved", "blocked", "abba")),
            "interleaved: each round visits every cell once, shuffled; blocked: cell by cell; "
            "abba: two arms next to each other, the order where there are arms",
        ),
        "seed": Key(Integer(0, _MAX_SEED), "for the shuffling"),
    },
    shorthand="kind",
)


def _memory(**values: Any) -> MemoryPass | None:
    chosen = values.pop("pass", "separate")
    if chosen == "none":
        if values:
            raise Misfit(next(iter(values)), "means nothing with pass: none; remove it")
        return None
    return MemoryPass(**values)


MEMORY = Record(
    _memory,
    {
        "pass": Key(Choice(("separate", "none")), "separate: extra trials that only read memory"),
        "settle_minutes": Key(Number(0, 24 * 60), "work this long before the first reading"),
        "every_seconds": Key(Number(0.1, 3600), "time between readings"),
        "readings": Key(Integer(1, 1000), "steady memory is the median of so many readings"),
    },
    shorthand="pass",
)


def _profile(**values: Any) -> ProfilePass | None:
    chosen = values.pop("pass", "separate")
    if chosen == "none":
        if values:
            raise Misfit(next(iter(values)), "means nothing with pass: none; remove it")
        return None
    return ProfilePass(**values)


PROFILE = Record(
    _profile,
    {
        "pass": Key(Choice(("separate", "none")), "separate: one extra trial per cell"),
        "inferences": Key(Integer(1, 1000), "so many are profiled"),
        "warmup": Key(Integer(0, 1000), "inferences before them"),
    },
    shorthand="pass",
)

REQUIRE = Record(
    Require,
    {
        "absent": Key(Many(Choice(tuple(KINDS))), "findings that make a trial INVALID"),
        "placement": Key(
            Choice(("full",)),
            "full: a trial is INVALID unless its whole graph is proven to run there",
        ),
    },
)


def _limit(**values: Any) -> Limit:
    bounds = {name: values.pop(name) for name in bound_names() if name in values}
    regression = values.pop("max_regression", None)
    if not bounds and regression is None:
        raise Misfit("", "a limit needs a bound, such as latency_p90_ms: 200")
    return Limit(match=values, bounds=bounds, max_regression=regression)


LIMIT = Record(
    _limit,
    {
        **{key: Key(Word(), f"only cells whose {key} matches (with *)") for key in CELL_KEYS},
        **{
            name: Key(Number(0, 1e15), f"upper bound on {name} of a cell") for name in bound_names()
        },
        "max_regression": Key(
            Percent(), "by how much the candidate arm may be worse than the reference"
        ),
    },
)

LAB_DEVICE = Record(
    LabDevice,
    {
        "address": Key(Text(), "local, android:SERIAL or ios:UDID", required=True),
        "nickname": Key(Text(), "the name used in scenarios and reports"),
        "tags": Key(Many(Text(), least=0), "free words to select by: tag=nightly"),
        "owner": Key(Text(), "whom to ask"),
        "hub_port": Key(Word(), "the USB hub and port it hangs on"),
        "notes": Key(Text(limit=5000), "anything worth knowing"),
        "meter": Key(METER, "an external power meter on this device"),
        "usb_power": Key(
            USB_POWER, "cut: it is proven that the port brings no current, whatever is reported"
        ),
    },
)


def _scenario(
    schema: int,  # noqa: ARG001 - checked per file, before anything else
    exclude: tuple[tuple[Exclusion, ...], ...] = (),
    telemetry: float | None = None,
    **values: Any,
) -> Scenario:
    for key in ("models", "blocks"):
        if key not in values:
            raise Misfit(key, f"the key {key!r} is missing: {SCENARIO.keys[key].help}")
    passes = ("memory", "accuracy", "profile")
    if values.get("loads") == () and not any(values.get(name) for name in passes):
        raise Misfit("loads", "the list is empty, so there is nothing to measure; remove the key")
    if telemetry is not None:
        values["telemetry_rate_hz"] = telemetry
    if "arms" in values:
        values = {"order": Order("abba"), "repeats": _ARM_REPEATS} | values
    made = Scenario(exclude=tuple(one for several in exclude for one in several), **values)
    _check_arms(made)
    _check_lab(made)
    _check_addresses(made)
    return made


def _check_arms(scenario: Scenario) -> None:
    if scenario.arms is None:
        if scenario.order.kind == "abba":
            raise Misfit("order", "abba is the order of two arms; add arms, or remove it")
        if any(limit.max_regression is not None for limit in scenario.limits):
            raise Misfit("limits", "max_regression needs two arms to compare; add arms")
        return
    if scenario.order.kind != "abba":
        raise Misfit(
            "order", f"arms are measured abba; write kind: abba, seed: {scenario.order.seed}"
        )
    repeats = scenario.repeats
    if repeats.min % 2 or repeats.max % 2:
        raise Misfit("repeats", "a quad A B B A has two trials of each arm; write an even number")


def _check_lab(scenario: Scenario) -> None:
    for what, names in (
        ("nickname", [device.nickname for device in scenario.lab if device.nickname]),
        ("address", [device.address for device in scenario.lab]),
    ):
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise Misfit("lab", f"the {what} {twice!r} is there twice; rename one")


def _check_addresses(scenario: Scenario) -> None:
    nicknames = {device.nickname for device in scenario.lab if device.nickname}
    places: list[tuple[str, DeviceSelector]] = [("devices", one) for one in scenario.devices]
    places += [("blocks", block.when) for block in scenario.blocks if block.when is not None]
    for key, selector in places:
        address = selector.address
        if address is None or address == "local" or ":" in address or address in nicknames:
            continue
        known = f"nicknames are {', '.join(sorted(nicknames))}" if nicknames else "no lab is given"
        raise Misfit(
            key, f"unknown device {address!r}; write local, android:SERIAL or a nickname ({known})"
        )


#: Trials of each arm where the scenario does not say: three quads, which find a slowdown of 3 % in
#: 95 of 100 cases where trials scatter by 1 % (tests/benchmarks/verdicts.py).
_ARM_REPEATS = Repeats(6, 6)

_MODEL = Named("model", MODEL)
_BLOCK = Named("block", BLOCK)
_EXCLUSION = Named("exclusion", EXCLUSION)
_LOAD = Named("load", LOAD)
_LIMIT = Named("limit", LIMIT)

#: What the JSON schema defines once.
DEFINITIONS: tuple[Named[Any], ...] = (
    _MODEL,
    SELECTOR,
    _BLOCK,
    _EXCLUSION,
    _LOAD,
    WARMUP,
    _LIMIT,
)

SCENARIO = Record(
    _scenario,
    {
        "schema": Key(Integer(1, SCHEMA_VERSION), "version of the format: 1", required=True),
        "name": Key(Text(limit=200), "the name in reports; the file's name by default"),
        "extends": Key(Text(), "a file with defaults and the lab's inventory"),
        "models": Key(Many(_MODEL), "what is measured"),
        "devices": Key(Many(SELECTOR), "where: local, nicknames, or platform=android,os>=13"),
        "blocks": Key(Many(_BLOCK), "the matrix, as a union of dense blocks"),
        "exclude": Key(Many(_EXCLUSION, least=0), "holes in the matrix, with reasons"),
        "loads": Key(
            Many(_LOAD, least=0),
            "how inferences arrive; each load becomes its own cells; [] for another pass alone",
        ),
        "repeats": Key(REPEATS, "trials of each cell, each in a fresh process"),
        "order": Key(ORDER, "in which order trials run"),
        "gates": Key(GATES, "conditions that must hold before a trial starts"),
        "ambient": Key(AMBIENT, "temperature of the room in degrees Celsius, or a sensor of it"),
        "prepare": Key(PREPARE, "settings of phones while a run measures; put back afterwards"),
        "telemetry": Key(
            Record(
                lambda rate_hz: rate_hz,
                {"rate_hz": Key(Number(0, 100, above=True), "readings per second", required=True)},
            ),
            "how often the device is read from outside",
        ),
        "memory": Key(MEMORY, "a pass of its own that measures memory"),
        "accuracy": Key(ACCURACY, "a pass of its own that measures accuracy on a dataset"),
        "profile": Key(PROFILE, "a pass of its own that tells the time of each operator"),
        "energy": Key(ENERGY, "energy per inference, gross and net of idle"),
        "detached": Key(Flag(), "true: phones measure on their own, with the cable out"),
        "require": Key(REQUIRE, "what a trial must satisfy to be valid"),
        "limits": Key(
            Many(_LIMIT, least=0), "upper bounds; exceeding one ends the run with code 1"
        ),
        "arms": Key(ARMS, "two sides of a comparison, measured A B B A"),
        "finish_by": Key(
            TimeOfDay(),
            "when a run must be over, as '06:30'; what was declared last is dropped first",
        ),
        "lab": Key(Many(LAB_DEVICE, strict=True, least=0), "the inventory of devices"),
        "catalogue": Key(FilePath(), "a model catalogue of your own"),
        "seed": Key(Integer(0, _MAX_SEED), "for the random inputs"),
        **{
            name: Key(NotYet(), about)
            for name, about in {
                "notify": "messages after a run",
            }.items()
        },
    },
    # A file that others extend may lack the matrix, and so may one that extends another.
    extra={
        "anyOf": [{"required": keys} for keys in (["models", "blocks"], ["extends"], ["lab"])],
    },
)
