"""Who may import whom (docs/architecture.md), read from the source by ``ast``: nothing is run."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("harness", "device_agents", "reports")
LINE_LIMIT = 400

#: Rooms of harness. A room may import the lines above it, and a later room of a line the earlier.
HARNESS_LINES = (
    ("errors", "units", "clock", "channels", "text"),
    ("findings", "conditions", "scenario", "variant", "metrics", "record", "device", "wire"),
    ("stats",),
    ("validity",),
    ("scenario_file", "models", "store"),
    ("plan",),
    ("conductor", "fleet"),
    ("jobs",),
    ("cli", "web"),
)
HARNESS_ROOMS = tuple(room for line in HARNESS_LINES for room in line)
FOR_AGENTS = {f"harness.{room}" for line in HARNESS_LINES[:2] for room in line}
FOR_REPORTS = {
    f"harness.{room}"
    for room in (
        "errors",
        "units",
        "channels",
        "text",
        "findings",
        "conditions",
        "scenario",
        "variant",
        "metrics",
        "record",
        "stats",
    )
} | {"harness.validity", "harness.store"}
COMPOSITION_ROOTS = ("harness/cli", "harness/web")

_CONVERTERS_ONLY = ("harness/models/convert",)
_ENGINES_ONLY = ("device_agents/local/runner", "harness/models/convert")
#: Foreign modules that only some rooms may import.
EXCLUSIVE = {
    "adbutils": ("device_agents/android",),
    "pymobiledevice3": ("device_agents/ios",),
    "onnx": _CONVERTERS_ONLY,
    "onnxruntime.quantization": _CONVERTERS_ONLY,
    "ai_edge_quantizer": _CONVERTERS_ONLY,
    "sympy": _CONVERTERS_ONLY,
    "coremltools": _CONVERTERS_ONLY,
    "torch": _CONVERTERS_ONLY,
    "sklearn": ("harness/models/datasets",),
    "PIL": ("harness/models/datasets",),
    "onnxruntime": _ENGINES_ONLY,
    "ai_edge_litert": _ENGINES_ONLY,
    "tflite_runtime": _ENGINES_ONLY,
    "sqlalchemy": ("harness/store",),
    "sqlite3": ("harness/store",),
    "distributed": ("harness/fleet",),
    "dask": ("harness/fleet",),
    "pyjoulescope_driver": ("harness/conductor",),
    "matplotlib": ("reports",),
    "perfetto": ("reports",),
    "yaml": ("harness/scenario_file", "harness/models"),
    "click": ("harness/cli",),
    "rich": ("harness/cli",),
}
#: Import names whose distribution is called differently, or that come with another one.
DISTRIBUTIONS = {
    "yaml": "pyyaml",
    "dask": "distributed",
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "tflite_runtime": "ai-edge-litert",  # its predecessor, used where only that one is installed
}


@dataclass(frozen=True)
class Module:
    """One source file; ``place`` is its path from the root, ``name`` its dotted name."""

    place: str
    text: str

    @property
    def name(self) -> str:
        return self.place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.place)

    def within(self, *folders: str) -> bool:
        return any(self.place in (f, f"{f}.py") or self.place.startswith(f"{f}/") for f in folders)


def modules(root: Path) -> list[Module]:
    paths = sorted(path for package in PACKAGES for path in (root / package).rglob("*.py"))
    return [Module(path.relative_to(root).as_posix(), path.read_text()) for path in paths]


def imports(module: Module) -> Iterator[str]:
    """Every dotted name that is imported: ``from a import b`` gives ``a`` and ``a.b``."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _from(module, node)
        elif isinstance(node, ast.Call) and _callee(node) in ("import_module", "__import__"):
            yield from (arg.value for arg in node.args if _is_text(arg))


def _from(module: Module, node: ast.ImportFrom) -> Iterator[str]:
    base = node.module or ""
    if node.level:
        is_package = module.place.endswith("/__init__.py")
        parents = module.name.split(".")
        base = ".".join([*parents[: len(parents) - node.level + is_package], *filter(None, [base])])
    yield base
    yield from (f"{base}.{alias.name}" for alias in node.names)


def _callee(node: ast.Call) -> str:
    """``print`` or the last part of ``sys.exit``."""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _package(name: str) -> str:
    return name.partition(".")[0]


def _room(name: str) -> str:
    """``harness.store.reader`` lies in room ``harness.store``, ``harness.__version__`` in none."""
    package, *rest = name.split(".")
    if not rest or (package == "harness" and rest[0] not in HARNESS_ROOMS):
        return package
    return f"{package}.{rest[0]}"


def _may_import_ours(module: Module, name: str) -> bool:
    package, room, ours = _package(name), _room(name), _package(module.name)
    if room in ("harness", _room(module.name)) or (package == ours != "harness"):
        return True
    if module.within(*COMPOSITION_ROOTS) and package != "harness":
        return package == "reports" or room in ("device_agents", "device_agents.registry")
    if ours == "device_agents":
        return room in FOR_AGENTS
    if ours == "reports":
        return room in FOR_REPORTS
    return package == "harness" and _is_earlier(room, _room(module.name))


def _is_earlier(room: str, than: str) -> bool:
    order = {f"harness.{name}": place for place, name in enumerate(HARNESS_ROOMS)}
    return room in order and than in order and order[room] < order[than]


def check_own_imports(root: Path) -> Iterator[str]:
    for module in modules(root):
        room = module.name.split(".")[1:2]
        if module.place.startswith("harness/") and room and room[0] not in HARNESS_ROOMS:
            yield f"{module.place}: harness has no room {room[0]!r}"
        for name in imports(module):
            if _package(name) in PACKAGES and not _may_import_ours(module, name):
                yield f"{module.place} imports {name}"


def check_exclusive_imports(root: Path) -> Iterator[str]:
    for module in modules(root):
        for name in imports(module):
            for foreign, folders in EXCLUSIVE.items():
                if f"{name}.".startswith(f"{foreign}.") and not module.within(*folders):
                    yield f"{module.place} imports {name}, which only {' and '.join(folders)} may"


def check_declared_imports(root: Path) -> Iterator[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {}).values()
    wanted = [*project["dependencies"], *(item for extra in extras for item in extra)]
    declared = {_normal(re.split(r"[^\w.-]", item)[0]) for item in wanted}
    for module in modules(root):
        for top in sorted({_package(name) for name in imports(module)}):
            ours = top in PACKAGES or top in sys.stdlib_module_names
            if not ours and _normal(DISTRIBUTIONS.get(top, top)) not in declared:
                yield f"{module.place} imports {top}, which pyproject.toml does not declare"


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def check_who_prints_and_exits(root: Path) -> Iterator[str]:
    for module in modules(root):
        if module.within("harness/cli") or module.place.endswith("/__main__.py"):
            continue
        for node in ast.walk(module.tree):
            called = isinstance(node, ast.Call) and ast.unparse(node.func)
            if called in ("print", "exit", "quit", "sys.exit", "SystemExit"):
                yield f"{module.place}:{node.lineno} calls {called}"


def check_who_sleeps(root: Path) -> Iterator[str]:
    for module in modules(root):
        if module.within("harness") and {"time.sleep", "asyncio.sleep"} & _sleeps(module):
            yield f"{module.place} sleeps without a Clock"


def _sleeps(module: Module) -> set[str]:
    attributes = {
        ast.unparse(node) for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)
    }
    return attributes | set(imports(module))


def check_lengths(root: Path) -> Iterator[str]:
    for module in modules(root):
        if (length := len(module.text.splitlines())) > LINE_LIMIT:
            yield f"{module.place} has {length} lines, {LINE_LIMIT} are the limit"


CHECKS = (
    check_own_imports,
    check_exclusive_imports,
    check_declared_imports,
    check_who_prints_and_exits,
    check_who_sleeps,
    check_lengths,
)


@pytest.mark.parametrize("check", CHECKS)
def test_the_project_keeps_the_rule(check):
    assert list(check(ROOT)) == []


def test_the_project_is_what_is_looked_at():
    places = {module.place for module in modules(ROOT)}
    assert {"harness/errors.py", "device_agents/registry.py", "reports/__init__.py"} <= places


@pytest.fixture
def project(tmp_path):
    """Makes a project of one module; it declares numpy, PyYAML and adbutils."""

    def make(place: str, text: str) -> Path:
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text(text)
        (tmp_path / "pyproject.toml").write_text(
            '[project]\ndependencies = ["numpy>=2", "PyYAML; sys_platform == \'linux\'"]\n'
            '[project.optional-dependencies]\nandroid = ["adbutils[x]>=2"]\n'
        )
        return tmp_path

    return make


WRONG = [
    (check_own_imports, "harness/stats/a.py", "import harness.validity.checks"),
    (check_own_imports, "harness/findings.py", "from harness import record"),
    (check_own_imports, "harness/conductor/a.py", "from harness.fleet import lease"),
    (check_own_imports, "harness/conductor/__init__.py", "from ..fleet import lease"),
    (check_own_imports, "harness/errors.py", "def f():\n    import harness.units"),
    (check_own_imports, "harness/plan.py", "from harness.cli import main"),
    (check_own_imports, "harness/fleet/a.py", "import device_agents.registry"),
    (check_own_imports, "harness/jobs/a.py", "import reports.view"),
    (check_own_imports, "harness/cli/a.py", "from device_agents.local import agent"),
    (check_own_imports, "harness/attic/a.py", ""),
    (check_own_imports, "device_agents/local/a.py", "from harness.stats import summary"),
    (check_own_imports, "device_agents/local/a.py", "import reports"),
    (check_own_imports, "reports/a.py", "from harness.device import Device"),
    (check_own_imports, "reports/a.py", "import importlib\nimportlib.import_module('harness.cli')"),
    (check_exclusive_imports, "harness/plan.py", "import adbutils"),
    (check_exclusive_imports, "device_agents/local/agent.py", "import onnxruntime as ort"),
    (
        check_exclusive_imports,
        "device_agents/local/runner/a.py",
        "from onnxruntime import quantization",
    ),
    (check_exclusive_imports, "harness/models/cache.py", "import onnx.checker"),
    (check_exclusive_imports, "reports/a.py", "from rich import print"),
    (check_exclusive_imports, "harness/jobs/a.py", "__import__('dask')"),
    (check_declared_imports, "reports/a.py", "import requests"),
    (check_who_prints_and_exits, "reports/a.py", "print(1)"),
    (check_who_prints_and_exits, "harness/plan.py", "import sys\nsys.exit(2)"),
    (check_who_prints_and_exits, "harness/plan.py", "raise SystemExit(2)"),
    (check_who_sleeps, "harness/fleet/a.py", "import time\ntime.sleep(1)"),
    (check_who_sleeps, "harness/fleet/a.py", "from time import sleep"),
    (check_lengths, "harness/plan.py", "\n" * 401),
]
RIGHT = [
    (check_own_imports, "harness/fleet/a.py", "from harness import conductor, __version__"),
    (check_own_imports, "harness/fleet/a.py", "from . import lease\nfrom .. import errors"),
    (check_own_imports, "harness/cli/a.py", "import device_agents.registry, reports.view"),
    (check_own_imports, "device_agents/local/a.py", "from harness.wire import codec"),
    (check_own_imports, "reports/a.py", "from reports import b\nfrom harness.store import reader"),
    (check_exclusive_imports, "device_agents/android/a.py", "import adbutils"),
    (check_exclusive_imports, "harness/plan.py", "import onnxruntime_extras"),
    (check_declared_imports, "reports/a.py", "import os, yaml, numpy.linalg, adbutils, reports"),
    (check_who_prints_and_exits, "harness/models/convert/__main__.py", "print(1)"),
    (check_who_prints_and_exits, "harness/cli/a.py", "import sys\nsys.exit(2)"),
    (check_who_prints_and_exits, "reports/a.py", '"""print(1)"""\npage.print(2)'),
    (check_who_sleeps, "harness/fleet/a.py", "clock.sleep(1, cancel)"),
    (check_lengths, "harness/plan.py", "\n" * 400),
]


@pytest.mark.parametrize(("check", "place", "text"), WRONG)
def test_a_broken_rule_is_seen(project, check, place, text):
    assert any(place in problem for problem in check(project(place, text)))


@pytest.mark.parametrize(("check", "place", "text"), RIGHT)
def test_what_is_allowed_passes(project, check, place, text):
    assert list(check(project(place, text))) == []
