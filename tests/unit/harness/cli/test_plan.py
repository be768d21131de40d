"""What ``benchfarm plan`` prints."""

from __future__ import annotations

from click.testing import CliRunner

from harness.cli import lab
from harness.cli.plan import plan
from harness.device import Sighting

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
