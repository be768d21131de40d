from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import ScenarioError
from harness.scenario import Scenario
from harness.scenario_file import load

MINIMAL = """\
schema: 1
models: [{family: net, variants: [fp32]}]
blocks: [{engine: tflite}]
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a scenario file; without ``whole`` the text is added to a minimal one."""

    def write(text: str, name: str = "s.yaml", *, whole: bool = False) -> Path:
        path = tmp_path / name
        path.write_text(text if whole else MINIMAL + text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def read(write: Callable[..., Path]) -> Callable[..., Scenario]:
    def read(text: str = "", *overrides: str, whole: bool = False) -> Scenario:
        return load(write(text, whole=whole), overrides)

    return read


@pytest.fixture
def refusal(read: Callable[..., Scenario]) -> Callable[..., ScenarioError]:
    """The error that a scenario file gives, checked to be one line that names its place."""

    def refusal(text: str, *overrides: str, whole: bool = False) -> ScenarioError:
        with pytest.raises(ScenarioError) as caught:
            read(text, *overrides, whole=whole)
        message = str(caught.value)
        assert "\n" not in message
        assert message.isprintable()
        return caught.value

    return refusal
