"""The made-up runs as a fixture."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from reports.model import ReportModel
from reports.view import build_report


@pytest.fixture(scope="session")
def made_up() -> ModuleType:
    """The module that makes runs."""
    path = Path(__file__).with_name("made_up.py")
    spec = importlib.util.spec_from_file_location("made_up_reports", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def demo(made_up) -> ReportModel:
    """The report model of the demo run."""
    return build_report([made_up.demo_run()])
