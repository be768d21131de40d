"""Which of the devices at hand take part, by their facts and what the lab says about them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.record import DeviceFacts, Skip
from harness.scenario import DeviceSelector, LabDevice

_VERSION = re.compile(r"\d{1,18}(?:\.\d{1,18})*")
#: What is left out where a device takes no part.
WHOLE_DEVICE = "every cell"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A device at hand. ``facts`` is None when nobody has asked it yet."""

    device_id: str
    facts: DeviceFacts | None = None
    lab: LabDevice | None = None

    @property
    def platform(self) -> str:
        """The agent that serves it: ``local``, ``android``, ``ios``."""
        return self.device_id.partition(":")[0]

    @property
    def cores(self) -> int | None:
        """Processor cores, None when unknown."""
        cores = self.facts.values.get("cores") if self.facts is not None else None
        return cores if isinstance(cores, int) else None

    def values(self, key: str) -> tuple[str, ...] | None:
        """What a selector's key stands for; empty when it has none, None when nobody knows yet."""
        if key in ("tag", "nickname", "owner", "hub_port"):
            return self._lab_values(key)
        own = (self.platform,) if key == "platform" else ()
        if self.facts is None:
            return own or None
        fact = self.facts.values.get(key)
        return own if fact is None else (*own, _text(fact))

    def _lab_values(self, key: str) -> tuple[str, ...]:
        if self.lab is None:
            return ()
        if key == "tag":
            return self.lab.tags
        value: str | None = getattr(self.lab, key)
        return () if value is None else (value,)


@dataclass(frozen=True, slots=True)
class Choice:
    """The devices that take part, in the order of their ids, and those that do not after all.

    ``unknown`` are devices that take part only because their facts were not asked yet.
    """

    devices: tuple[Candidate, ...]
    skips: tuple[Skip, ...] = ()
    unknown: tuple[str, ...] = ()


def candidates(
    facts: Mapping[str, DeviceFacts | None], lab: Sequence[LabDevice]
) -> tuple[Candidate, ...]:
    """The devices at hand with what the lab says about them, in the order of their ids."""
    by_address = {device.address: device for device in lab}
    return tuple(
        Candidate(device_id, facts[device_id], by_address.get(device_id))
        for device_id in sorted(facts)
    )


def choose(
    selectors: Sequence[DeviceSelector], at_hand: Sequence[Candidate], lab: Sequence[LabDevice] = ()
) -> Choice:
    """The devices that at least one selector asks for."""
    addresses = {device.nickname: device.address for device in lab if device.nickname}
    chosen: dict[str, bool] = {}  # device id: whether its facts confirm it
    left_out: dict[str, str] = {}
    for selector in selectors:
        if selector.address is not None:
            address = addresses.get(selector.address, selector.address)
            if any(candidate.device_id == address for candidate in at_hand):
                chosen[address] = True
            else:
                left_out[address] = (
                    "this device is not at hand; connect it, or see benchfarm devices"
                )
            continue
        answers = {one.device_id: matches(selector, one) for one in at_hand}
        wanted = [one for one in at_hand if answers[one.device_id] is not False]
        kept = _bounded(selector, wanted)
        for device_id in kept:
            chosen[device_id] = chosen.get(device_id, False) or answers[device_id] is True
        left_out |= {
            one.device_id: _enough(selector) for one in wanted if one.device_id not in kept
        }
    return Choice(
        tuple(one for one in at_hand if one.device_id in chosen),
        tuple(
            Skip(device_id, WHOLE_DEVICE, reason)
            for device_id, reason in sorted(left_out.items())
            if device_id not in chosen
        ),
        tuple(sorted(device_id for device_id, sure in chosen.items() if not sure)),
    )


def matches(selector: DeviceSelector, candidate: Candidate) -> bool | None:
    """Whether a device is what ``selector`` asks for; None when its facts are not known yet."""
    if selector.address is not None:
        nickname = candidate.lab.nickname if candidate.lab is not None else None
        return selector.address in (candidate.device_id, nickname)
    held = [_holds(candidate.values(key), op, value) for key, op, value in selector.terms]
    if False in held:
        return False
    return None if None in held else True


def _bounded(selector: DeviceSelector, wanted: Sequence[Candidate]) -> list[str]:
    """The ids of at most ``count`` devices of each value of the ``per`` fact."""
    if selector.count is None:
        return [one.device_id for one in wanted]
    kept, taken = [], Counter[object]()
    for one in wanted:
        values = one.values(selector.per) if selector.per is not None else ()
        group: object = one.device_id if values is None else values  # unknown: a group of its own
        if taken[group] < selector.count:
            kept.append(one.device_id)
        taken[group] += 1
    return kept


def _enough(selector: DeviceSelector) -> str:
    per = f" per {selector.per}" if selector.per is not None else ""
    return f"the scenario asks for {selector.count}{per}, and others take part already"


def _holds(values: Iterable[str] | None, operator: str, wanted: str) -> bool | None:
    if values is None:
        return None
    if operator == "!=":
        return not any(_like(value, wanted) for value in values)
    if operator == "=":
        return any(_like(value, wanted) for value in values)
    return any(_ordered(value, operator, wanted) for value in values)


def _like(value: str, pattern: str) -> bool:
    """Equality with ``*`` wildcards; nobody remembers how a maker spells its phones."""
    expression = ".*".join(re.escape(part) for part in pattern.casefold().split("*"))
    return re.fullmatch(expression, value.casefold(), re.DOTALL) is not None


def _ordered(value: str, operator: str, wanted: str) -> bool:
    """Order of versions: the first dotted number in each text, component by component."""
    left, right = _version(value), _version(wanted)
    if left is None or right is None:
        return False
    width = max(len(left), len(right))
    left, right = (side + (0,) * (width - len(side)) for side in (left, right))
    return {">=": left >= right, "<=": left <= right, ">": left > right, "<": left < right}[
        operator
    ]


def _version(text: str) -> tuple[int, ...] | None:
    found = _VERSION.search(text)
    return None if found is None else tuple(int(part) for part in found[0].split("."))


def _text(fact: str | float | bool) -> str:
    return str(fact).lower() if isinstance(fact, bool) else str(fact)
