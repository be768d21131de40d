"""Scenario files: YAML to a :class:`~harness.scenario.Scenario`, or the place that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.scenario import Scenario
from harness.scenario_file.document import document, document_of
from harness.scenario_file.nodes import Node, Origin, dump
from harness.scenario_file.selectors import parse_selector
from harness.scenario_file.table import SCENARIO

__all__ = ["load", "loads", "parse_selector"]


def load(path: Path, overrides: Sequence[str] = ()) -> Scenario:
    """Read a scenario file, with ``overrides`` of the form ``key.path=value`` on top.

    Raises :class:`~harness.errors.ScenarioError` with file, line and key of the first mistake.
    """
    return _scenario(document(path, overrides), str(path))


def loads(text: str, source: str, folder: Path) -> Scenario:
    """Read a scenario from its text; ``source`` names it in messages, ``folder`` is where its

    relative paths start. Made for ``Scenario.text``, which is complete: ``loads`` of it gives an
    equal scenario, and does not ask for model files, whose bytes are in the model cache.
    Raises :class:`~harness.errors.ScenarioError`.
    """
    return _scenario(document_of(text, Origin(source, folder, check_files=False)), source)


def _scenario(root: Node, source: str) -> Scenario:
    if isinstance(root.value, dict) and "name" not in root.value:
        name = Path(source).stem[:200] or "scenario"
        root.value["name"] = Node(name, root.origin, root.line, "name", raw=name)
    scenario = SCENARIO.read(root)
    return replace(scenario, source=source, text=dump(root.plain()))
