"""What ``benchfarm plan`` prints."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from harness.cli import lab
from harness.cli.plan import plan
from harness.device import Sighting
from harness.errors import NoDeviceMatched

SCENARIO = """
schema: 1
name: order
models:
  - {family: mobilenet_v2, variants: [fp32, int8-static]}
devices: [local]
blocks:
  - {engine: [tflite, onnxruntime], batch: [1, 2, 4, 8]}
"""


def test_cells_are_sorted_though_trials_are_drawn_by_lot(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(lab, "sightings", lambda: [Sighting("local", "local", "here")])
    (tmp_path / "order.yaml").write_text(SCENARIO)
    shown = CliRunner().invoke(plan, [str(tmp_path / "order.yaml")], catch_exceptions=False)
    rows = [line for line in shown.output.splitlines() if line.startswith("local ")]
    assert len(rows) == 16
    assert rows == sorted(rows)


def locked(serial: str) -> Sighting:
    """A phone that is attached and cannot be used."""
    return Sighting(f"android:{serial}", "android", "Phone", False, "unauthorized", "unlock it")


def shown(monkeypatch, tmp_path, devices: str, *found: Sighting):
    monkeypatch.setattr(lab, "sightings", lambda: [*found])
    (tmp_path / "s.yaml").write_text(SCENARIO.replace("[local]", devices))
    return CliRunner().invoke(plan, [str(tmp_path / "s.yaml")])


@pytest.mark.parametrize("devices", ["[local, platform=android]", "[local, 'android:A']"])
def test_a_phone_that_is_not_ready_is_said_to_take_no_part(monkeypatch, tmp_path, devices) -> None:
    here = Sighting("local", "local", "here")
    said = shown(monkeypatch, tmp_path, devices, here, locked("A")).output
    assert "Not measured (1):\n  every cell on android:A: unauthorized: unlock it\n" in said


@pytest.mark.parametrize("devices", ["[local]", "[local, {platform: android, count: 1}]"])
def test_a_phone_that_nobody_asked_for_is_not_mentioned(monkeypatch, tmp_path, devices) -> None:
    here = Sighting("local", "local", "here")
    assert "android:A" not in shown(monkeypatch, tmp_path, devices, here, locked("A")).output


def test_where_the_only_phone_is_not_ready_the_reason_is_told(monkeypatch, tmp_path) -> None:
    failed = shown(monkeypatch, tmp_path, "[platform=android]", locked("A"), locked("B"))
    assert isinstance(failed.exception, NoDeviceMatched)
    assert str(failed.exception).endswith("; android:A: unauthorized: unlock it")
