"""The load kinds of a scenario file, and their warm-up."""

from __future__ import annotations

import dataclasses
from typing import Any

from harness.scenario import (
    Burst,
    Cold,
    Load,
    Offline,
    Periodic,
    SingleStream,
    Sustained,
    Warmup,
)
from harness.scenario_file.kinds import Choice, Integer, Number
from harness.scenario_file.structures import Key, Misfit, Named, Record, Tagged

#: The longest timed part of a trial: 72 hours.
MAX_SECONDS = 72 * 3600.0
_MAX_INFERENCES = 100_000_000
_UNITS_S = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0}

_SECONDS = Number(0, MAX_SECONDS)
_SOME_SECONDS = Number(0, MAX_SECONDS, above=True)
_COUNT = Integer(1, _MAX_INFERENCES)


def _warmup(default: Warmup) -> Record[Warmup]:
    """The warm-up of a load kind whose own default is ``default``."""

    def build(**values: Any) -> Warmup:
        made = dataclasses.replace(default, **values)
        given = [name for name in values if name != "rule"]
        if made.rule == "none" and given:
            raise Misfit(given[0], "means nothing with rule: none; remove it")
        if made.rule == "fixed" and "max_seconds" in values:
            raise Misfit("max_seconds", "belongs to rule: steady; remove it")
        if made.rule == "steady" and made.max_seconds < made.min_seconds:
            raise Misfit(
                "max_seconds" if "max_seconds" in values else "min_seconds",
                f"max_seconds ({made.max_seconds:g}) is below min_seconds ({made.min_seconds:g})",
            )
        return made

    return Record(
        build,
        {
            "rule": Key(
                Choice(("steady", "fixed", "none")),
                "steady: until latency is steady; fixed: exactly the minimum; none: start cold",
            ),
            "min_seconds": Key(_SECONDS, "warm up at least this long"),
            "min_inferences": Key(Integer(0, _MAX_INFERENCES), "and at least this often"),
            "max_seconds": Key(_SOME_SECONDS, "give up waiting for steady latency after this time"),
        },
        shorthand="rule",
    )


def _warmup_key(default: Warmup) -> Key:
    kind = Named("warmup", _warmup(default))
    return Key(kind, "how each trial warms up before anything is timed")


#: The kinds of warm-up differ in their defaults only, which are no part of the JSON schema.
WARMUP = Named("warmup", _warmup(Warmup()))


def _single_stream(**values: Any) -> SingleStream:
    made = SingleStream(**values)
    if made.max_seconds < made.min_seconds:
        raise Misfit(
            "max_seconds" if "max_seconds" in values else "min_seconds",
            f"max_seconds ({made.max_seconds:g}) is below min_seconds ({made.min_seconds:g}); "
            "raise max_seconds",
        )
    return made


def _sustained(**values: Any) -> Sustained:
    given = [unit for unit in _UNITS_S if unit in values]
    if not given:
        raise Misfit("kind", "sustained needs its length: minutes, hours or seconds")
    if len(given) > 1:
        raise Misfit(given[1], f"the length is given already by {given[0]!r}; keep one of them")
    seconds = values.pop(given[0]) * _UNITS_S[given[0]]
    if seconds > MAX_SECONDS:
        raise Misfit(given[0], "is longer than 72 hours, the longest sustained load")
    return Sustained(seconds=seconds, **values)


_SUSTAINED_DEFAULT = Sustained(seconds=1.0)
_PERIODIC_DEFAULT = Periodic(rate_hz=1.0)

LOAD: Tagged[Load] = Tagged(
    {
        "single_stream": Record(
            _single_stream,
            {
                "warmup": _warmup_key(SingleStream().warmup),
                "min_seconds": Key(_SECONDS, "time inferences for at least this long"),
                "min_inferences": Key(_COUNT, "and at least this many"),
                "max_seconds": Key(
                    _SOME_SECONDS, "stop after this time even if too few were timed"
                ),
            },
        ),
        "burst": Record(
            Burst,
            {
                "warmup": _warmup_key(Burst().warmup),
                "inferences": Key(_COUNT, "how many inferences are timed, one after the other"),
            },
        ),
        "offline": Record(
            Offline,
            {
                "warmup": _warmup_key(Offline().warmup),
                "samples": Key(_COUNT, "how many inputs are worked through, in batches"),
                "min_seconds": Key(_SECONDS, "go on for at least this long"),
            },
        ),
        "sustained": Record(
            _sustained,
            {
                "warmup": _warmup_key(_SUSTAINED_DEFAULT.warmup),
                "seconds": Key(_SOME_SECONDS, "length of the timed part in seconds"),
                "minutes": Key(Number(0, MAX_SECONDS / 60, above=True), "length in minutes"),
                "hours": Key(
                    Number(0, MAX_SECONDS / 3600, above=True), "length in hours, up to 72"
                ),
            },
            extra={"oneOf": [{"required": [unit]} for unit in _UNITS_S]},
        ),
        "periodic": Record(
            Periodic,
            {
                "warmup": _warmup_key(_PERIODIC_DEFAULT.warmup),
                "rate_hz": Key(Number(0, 10_000, above=True), "arrivals per second", required=True),
                "seconds": Key(_SOME_SECONDS, "length of the timed part in seconds"),
            },
        ),
        "cold": Record(
            Cold,
            {
                "page_cache": Key(
                    Choice(("keep", "drop")),
                    "drop: evict the model file from memory before each start",
                ),
            },
        ),
    },
    not_yet=("generate",),
)
