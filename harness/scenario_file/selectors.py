"""Device selectors: ``local``, a nickname, or terms such as ``platform=android,os>=13``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from harness.errors import ScenarioError, UserError
from harness.scenario import DeviceSelector
from harness.scenario_file.kinds import Schema, Word
from harness.scenario_file.nodes import Node
from harness.scenario_file.structures import Named

#: Longer operators first, so that ``>=`` is not read as ``>``.
OPERATORS = ("!=", ">=", "<=", "=", ">", "<")
ORDERING = (">=", "<=", ">", "<")

_TERM = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(!=|>=|<=|=|>|<)\s*(.*?)\s*", re.DOTALL)
_MAX_COUNT = 10_000

Term = tuple[str, str, str]


def parse_selector(text: str) -> DeviceSelector:
    """The selector that ``text`` means; raises UserError with what would be right.

    Text without an operator is an address; otherwise it is ``key=value`` terms separated by
    commas, among them ``per=FACT`` with ``count=N``.
    """
    if not any(operator in text for operator in OPERATORS):
        address = text.strip()
        if not address or any(char in address for char in ", \t\n"):
            raise UserError(
                f"{text!r} is no device selector; write local, a nickname, or key=value terms"
            )
        return DeviceSelector(address=address)
    return _selector(_term(part) for part in text.split(","))


def _term(text: str) -> Term:
    match = _TERM.fullmatch(text)
    if match is None or not match[3]:
        raise UserError(
            f"{text.strip()!r} is no term of a device selector; write key=value, with =, !=, >=, "
            "<=, > or < and * in values"
        )
    return _checked(match[1], match[2], match[3])


def _checked(key: str, operator: str, value: str) -> Term:
    if operator in ORDERING and not re.search(r"\d", value):
        raise UserError(f"{value!r} is no number to compare {key} with; write {key}=... instead")
    if value[0] in "=<>!":
        raise UserError(f"there is an operator too many before {value!r}; write {key}{operator}...")
    return key, operator, value


def _selector(terms: Iterable[Term]) -> DeviceSelector:
    kept: list[Term] = []
    bounds: dict[str, str] = {}
    for key, operator, value in terms:
        if key not in ("per", "count"):
            kept.append((key, operator, value))
        elif operator != "=" or key in bounds:
            raise UserError(f"{key} is given as {key}=..., once")
        else:
            bounds[key] = value
    if not kept and not bounds:
        raise UserError("the device selector is empty; write local, a nickname, or key=value terms")
    return DeviceSelector(
        terms=tuple(kept), per=bounds.get("per"), count=_count(bounds.get("count"), bounds)
    )


def _count(text: str | None, bounds: dict[str, str]) -> int | None:
    if text is None:
        if "per" in bounds:
            raise UserError("per needs count=N: how many devices of each")
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= _MAX_COUNT:
        raise UserError(f"{text!r} is no number of devices; write 1 to {_MAX_COUNT}")
    return int(text)


@dataclass(frozen=True, slots=True)
class Selector:
    """A selector as text, or as a mapping ``{platform: android, os: ">=13", per: model}``."""

    def read(self, node: Node) -> DeviceSelector:
        """The selector."""
        try:
            if isinstance(node.value, dict):
                return _selector([self._entry(name, child) for name, child in node.value.items()])
            return parse_selector(Word().read(node))
        except ScenarioError:
            raise
        except UserError as error:
            raise node.error(str(error)) from None

    def _entry(self, key: str, node: Node) -> Term:
        text = Word().read(node).strip()
        operator = next((o for o in OPERATORS if text.startswith(o)), "")
        return _term(f"{key}{operator or '='}{text.removeprefix(operator)}")

    def schema(self) -> Schema:
        """Text, or an object of scalars."""
        word = Word().schema()
        return {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "object",
                    "additionalProperties": word,
                    "properties": {"count": {"type": "integer", "minimum": 1}},
                    "minProperties": 1,
                },
            ]
        }


SELECTOR = Named("selector", Selector())
