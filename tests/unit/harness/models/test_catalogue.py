from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import CatalogueError, ScenarioError
from harness.models.catalogue import Catalogue
from harness.variant import ModelFormat

_FIXTURE = [HealthCheck.function_scoped_fixture]


def load(tmp_path: Path, text: str) -> Catalogue:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return Catalogue.load([path])


def test_the_built_in_family() -> None:
    catalogue = Catalogue.load()
    family = catalogue.family("mobilenet_v2")
    assert {"fp32", "int8-static"} <= set(catalogue.variant_names("mobilenet_v2"))
    assert family.input.shape == (1, 224, 224, 3)
    assert family.output.shape == (1, 1000)
    assert family.parameters == {"width": 1.0}
    assert set(family.formats) == set(ModelFormat)
    assert family.findings("fp32") == ("SYNTHETIC-MODEL",)
    assert family.findings("int8-static") == ("SYNTHETIC-MODEL", "RANDOM-CALIBRATION")


def test_a_users_file_adds_families(tmp_path: Path, tiny_text: str) -> None:
    catalogue = load(tmp_path, tiny_text.replace("tiny:", "模型 größer:"))
    assert list(catalogue.families) == [*Catalogue.load().families, "模型 größer"]


def test_unknown_names_suggest_the_nearest() -> None:
    catalogue = Catalogue.load()
    with pytest.raises(CatalogueError, match="unknown model family 'mobilenetv2'; did you mean"):
        catalogue.family("mobilenetv2")
    with pytest.raises(CatalogueError, match="no variant 'int8-statc'; did you mean 'int8-static'"):
        catalogue.check("mobilenet_v2", "int8-statc", ModelFormat.ONNX)


def test_a_format_that_is_not_made(tmp_path: Path, tiny_text: str) -> None:
    catalogue = load(tmp_path, tiny_text.replace("[onnx, tflite]", "onnx"))
    with pytest.raises(CatalogueError, match="tiny is not made as tflite; use one of onnx"):
        catalogue.check("tiny", "fp32", ModelFormat.TFLITE)


MISTAKES = {
    "unknown key": ("licence:", "license:", ":5:families.tiny.license", "'licence'?"),
    "unknown builder": ("builder: mobilenet_v2", "builder: mobilenetv2", ":6:", "'mobilenet_v2'?"),
    "unknown parameter": ("{width: 0.1}", "{widht: 0.1}", "parameters.widht", "'width'?"),
    "missing parameter": ("{width: 0.1}", "{}", ":7:", "{width: NUMBER}"),
    "negative width": ("width: 0.1", "width: -1", "parameters.width", "above 0"),
    "wrong type": ("seed: 3", "seed: three", ":9:families.tiny.seed", "a whole number"),
    "unknown format": ("[onnx, tflite]", "[onx]", "formats[0]", "did you mean 'onnx'?"),
    "rank": ("[1, 40, 33, 3]", "[1, 40]", "input.shape", "4 dimensions"),
    "batch": ("[1, 40, 33, 3]", "[8, 40, 33, 3]", "input.shape", "batch"),
    "range order": ("range: [0, 1]", "range: [1, 0]", "input.range", "the lower one first"),
    "no range": (", range: [0, 1]", "", ":10:families.tiny.input", "'range' is missing"),
    "unknown source": ("source: fp32", "source: fp23", "int8-static.source", "'fp32'?"),
    "no source": ("        source: fp32\n", "", ":15:families.tiny.variants.int8-static", "source"),
    "source too many": (
        "{precision: fp32, method: construct}",
        "{precision: fp32, method: construct, source: fp32}",
        "variants.fp32.source",
        "takes no source",
    ),
    "unknown method": ("method: int8-static", "method: int8_static", "method", "'int8-static'?"),
    "slash in a name": ("  tiny:", "  a/b:", ":3:families.a/b", "no slash"),
    "long name": ("  tiny:", f"  {'n' * 121}:", ":3:", "at most 120"),
    "taken name": ("  tiny:", "  mobilenet_v2:", ":3:families.mobilenet_v2", "already"),
    "newer schema": ("schema: 1", "schema: 2", ":1:schema", "1 to 1"),
    "no families": ("families:", "familes:", ":2:familes", "did you mean 'families'?"),
    "duplicate key": ("    seed: 3\n", "    seed: 3\n    seed: 4\n", ":10:", "twice"),
    "broken YAML": ("{width: 0.1}", "{width: 0.1", ":8", "YAML"),
}


@pytest.mark.parametrize(("old", "new", "place", "advice"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told_with_file_line_and_key(
    tmp_path: Path, tiny_text: str, old: str, new: str, place: str, advice: str
) -> None:
    assert old in tiny_text
    with pytest.raises(ScenarioError) as caught:
        load(tmp_path, tiny_text.replace(old, new, 1))
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "mine.yaml"))
    assert place in message
    assert advice in message
    assert "\n" not in message


def test_a_missing_catalogue_file(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="cannot be read"):
        Catalogue.load([tmp_path / "none.yaml"])


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=_FIXTURE)
def test_any_damage_is_a_scenario_error_or_harmless(
    tmp_path: Path, tiny_text: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(tiny_text)))
    end = data.draw(st.integers(start, min(start + 30, len(tiny_text))))
    inserted = data.draw(st.text(max_size=12) | st.sampled_from(["null", "[]", "{}", "1e9", ": "]))
    try:
        load(tmp_path, tiny_text[:start] + inserted + tiny_text[end:])
    except (ScenarioError, UnicodeEncodeError):
        return
