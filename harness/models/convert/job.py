"""What a quantizer is asked for: which layers get which method, and what to calibrate with."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.models.convert import ConvertError
from harness.models.convert.feeds import Feeds
from harness.models.methods import KEEP, MIXED

_FIRST, _LAST, _TYPE = "first", "last", "op:"


@dataclass(frozen=True, slots=True)
class Call:
    """A method with all of its parameters; ``keep`` leaves a layer in float."""

    method: str
    parameters: tuple[tuple[str, Any], ...] = ()

    def __getitem__(self, name: str) -> Any:
        return dict(self.parameters)[name]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Call:
        """From a recipe's ``{"method": ..., "parameters": {...}}``."""
        return cls(data["method"], tuple(sorted(data.get("parameters", {}).items())))


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a model file as policies see it."""

    name: str
    type: str
    weighted: bool  #: whether it multiplies with stored weights


@dataclass(frozen=True, slots=True)
class Plan:
    """``default`` for every layer, except those that ``layers`` names."""

    default: Call
    layers: Mapping[str, Call] = field(default_factory=dict)

    def calls(self) -> tuple[Call, ...]:
        """Each method that is used, the default first, without ``keep``."""
        used = dict.fromkeys((self.default, *self.layers.values()))
        return tuple(call for call in used if call.method != KEEP)

    def call_of(self, layer: str) -> Call:
        """What a layer gets."""
        return self.layers.get(layer, self.default)

    def names(self, call: Call, layers: Sequence[Layer]) -> list[str]:
        """The layers that get ``call``."""
        return [layer.name for layer in layers if self.call_of(layer.name) == call]


@dataclass(frozen=True, slots=True)
class Request:
    """One file to make: the plan, and the inputs that activation ranges are measured on."""

    plan: Plan
    feeds: Feeds | None = None

    def calibration(self) -> Feeds:
        """The inputs, or :class:`ConvertError` where there are none."""
        if self.feeds is None:
            raise ConvertError(
                f"{self.plan.default.method} measures activation ranges; give calibration data"
            )
        return self.feeds


def plan_of(recipe: Mapping[str, Any], layers: Sequence[Layer]) -> Plan:
    """The plan of a recipe; a policy's patterns are looked up among ``layers``.

    Raises :class:`ConvertError` for a pattern that no layer has.
    """
    if recipe["method"] != MIXED:
        return Plan(Call.of(recipe))
    policy = recipe["policy"]
    given: dict[str, Call] = {}
    for rule in policy["layers"]:
        for name in matching(rule["match"], layers):
            given.setdefault(name, Call.of(rule))  # the first rule that names a layer counts
    for pattern in policy["keep"]:
        given |= dict.fromkeys(matching(pattern, layers), Call(KEEP))
    return Plan(Call.of(policy["default"]), given)


def matching(pattern: str, layers: Sequence[Layer]) -> list[str]:
    """The layers that a pattern means: ``first``, ``last``, ``op:Softmax``, ``block0*``."""
    weighted = [layer.name for layer in layers if layer.weighted]
    if pattern in (_FIRST, _LAST) and weighted:
        return [weighted[0 if pattern == _FIRST else -1]]
    if pattern.startswith(_TYPE):
        kind = pattern.removeprefix(_TYPE).casefold()
        found = [layer.name for layer in layers if fnmatch.fnmatchcase(layer.type.casefold(), kind)]
        known = sorted({_TYPE + layer.type for layer in layers})
    else:
        found = [layer.name for layer in layers if fnmatch.fnmatchcase(layer.name, pattern)]
        known = [layer.name for layer in layers]
    if not found:
        near = difflib.get_close_matches(pattern, known, n=3, cutoff=0.4) or known[:3]
        raise ConvertError(f"no layer matches {pattern!r}; the nearest names are {', '.join(near)}")
    return found
