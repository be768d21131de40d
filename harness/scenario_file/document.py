"""From files and ``--set`` to one document: ``extends`` merged, overrides applied."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from harness.errors import ScenarioError
from harness.scenario_file.nodes import Node, Origin, child_key, parse, read_file, shortened
from harness.scenario_file.structures import entries

#: The version of the scenario format that this benchfarm reads.
SCHEMA_VERSION = 1

_PATH_STEP = re.compile(r"\[([0-9]{1,6})\]|([^.\[\]]+)")


def document(path: Path, overrides: Sequence[str]) -> Node:
    """The whole document of a scenario file."""
    root = _extended(_checked(read_file(path), Origin(str(path), path.parent)), [path])
    for override in overrides:
        _set(root, override)
    return root


def document_of(text: str, origin: Origin) -> Node:
    """The whole document of a scenario's text."""
    return _extended(_checked(text, origin), [Path(origin.name)])


def _checked(text: str, origin: Origin) -> Node:
    """One file's tree: a mapping that says a version we read."""
    root = parse(text, origin)
    version = entries(root).get("schema")
    if version is None:
        raise root.error(f"the key 'schema' is missing; add schema: {SCHEMA_VERSION}")
    _check_version(version)
    return root


def _check_version(node: Node) -> None:
    if isinstance(node.value, bool) or not isinstance(node.value, int) or node.value < 1:
        raise node.error(f"expected schema: {SCHEMA_VERSION}, got {node.described()}")
    if node.value > SCHEMA_VERSION:
        raise node.error(
            f"schema {node.value} is newer than this benchfarm reads ({SCHEMA_VERSION}); upgrade it"
        )


def _extended(root: Node, chain: list[Path]) -> Node:
    """``root`` on top of the file that it extends; ``chain`` are the files that led here."""
    named = entries(root).pop("extends", None)
    if named is None:
        return root
    if not isinstance(named.value, str) or not named.value:
        raise named.error(f"expected the path of a YAML file, got {named.described()}")
    path = named.origin.folder / named.value
    missing = named.error(f"there is no file {shortened(named.value)!r} in {named.origin.folder}")
    text = read_file(path, missing)
    if any(_same(path, seen) for seen in chain):
        raise named.error(f"extends itself by way of {shortened(named.value)!r}; break the circle")
    origin = Origin(str(path), path.parent, root.origin.check_files)
    return _merged(_extended(_checked(text, origin), [*chain, path]), root)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False


def _merged(base: Node, over: Node) -> Node:
    """``over`` wins, mapping by mapping and key by key; lists are replaced as a whole."""
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    merged = dict(base.value)
    for key, node in over.value.items():
        merged[key] = _merged(base.value[key], node) if key in base.value else node
    return Node(merged, over.origin, over.line, over.key)


def _set(root: Node, override: str) -> None:
    """Apply one ``key.path=value``; missing mappings on the way are made."""
    origin = Origin("--set", Path.cwd())
    path, equals, text = override.partition("=")
    path = path.strip()
    steps = _steps(path)
    if not equals or not steps:
        raise ScenarioError(
            "--set", 0, "", f"{shortened(override)!r} is not key=value, such as repeats=5"
        )
    if not text.strip():
        raise ScenarioError("--set", 0, path, "has no value; write key=value")
    if steps[0] == "extends":
        raise ScenarioError("--set", 0, path, "can only be given in the file")
    value = parse(text, origin, line=0, key=_key(steps))
    if steps == ["schema"]:
        _check_version(value)
    _put(root, steps, value, origin)


def _steps(path: str) -> list[str | int]:
    """``loads[0].warmup`` and ``loads.0.warmup`` as steps; empty if it is no key path."""
    if not path.isprintable() or not re.fullmatch(
        r"[^.\[\]]+((\.[^.\[\]]+)|(\[[0-9]{1,6}\]))*", path
    ):
        return []
    return [
        int(index) if index else (int(name) if re.fullmatch(r"[0-9]{1,6}", name) else name)
        for index, name in _PATH_STEP.findall(path)
    ]


def _key(steps: Sequence[str | int]) -> str:
    key = ""
    for step in steps:
        key = child_key(key, step)
    return key


def _put(root: Node, steps: list[str | int], value: Node, origin: Origin) -> None:
    node = root
    for depth, step in enumerate(steps):
        last = depth == len(steps) - 1
        done = _key(steps[: depth + 1])
        if isinstance(node.value, list):
            place = Node(None, origin, 0, done)
            if not isinstance(step, int):
                raise place.error(
                    f"is a list; name an item by its number, 0 to {len(node.value) - 1}"
                )
            if step >= len(node.value):
                raise place.error(f"the list has {len(node.value)} items; the first is number 0")
            if last:
                node.value[step] = value
            node = node.value[step]
        elif isinstance(node.value, dict):
            name = str(step)
            if last:
                node.value[name] = value
            elif name not in node.value and isinstance(steps[depth + 1], int):
                raise Node(None, origin, 0, done).error("is not in the file; set it as a whole")
            node = node.value.setdefault(name, Node({}, origin, 0, done))
        else:
            held = _key(steps[:depth])
            raise Node(None, origin, 0, done).error(
                f"{held} is {node.described()}, not a mapping; set {held} as a whole"
            )
