from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from harness.cli.inference import LocalInfer
from harness.errors import CatalogueError
from harness.models.cache import UNBUILT, ModelCache
from harness.models.catalogue import Catalogue
from harness.variant import LocalVariant, ModelFormat

Built = dict[tuple[str, ModelFormat], LocalVariant]
SmallDisk = Callable[[int], AbstractContextManager[None]]

ONNX, TFLITE = ModelFormat.ONNX, ModelFormat.TFLITE


def leftovers(cache: ModelCache) -> list[Path]:
    """Files that are neither a finished object nor a recipe nor a lock."""
    folders = ("objects", "recipes", "locks")
    files = [path for path in cache.root.rglob("*") if path.is_file()]
    return [path for path in files if path.relative_to(cache.root).parts[0] not in folders]


def models(cache: ModelCache) -> list[Path]:
    return [path for fmt in ModelFormat for path in cache.root.rglob(f"*.{fmt}")]


# --- where it is


def test_the_default_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCHFARM_CACHE", str(tmp_path / "elsewhere"))
    assert ModelCache().root == tmp_path / "elsewhere"
    monkeypatch.delenv("BENCHFARM_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ModelCache().root == tmp_path / ".cache" / "benchfarm" / "models"


# --- building


def test_describe_builds_nothing(tmp_path: Path, tiny_catalogue: Catalogue) -> None:
    cache = ModelCache(tmp_path / "cache")
    variant = cache.describe(tiny_catalogue, "tiny", "int8-static", ONNX)
    assert (variant.digest, variant.size_bytes) == (UNBUILT, 0)
    assert (variant.label, variant.precision) == ("tiny/int8-static", "int8")
    assert variant.findings == ("SYNTHETIC-MODEL", "RANDOM-CALIBRATION")
    assert not cache.root.exists()


def test_unknown_names_are_the_users_mistake(tmp_path: Path, tiny_catalogue: Catalogue) -> None:
    cache = ModelCache(tmp_path)
    for use in (cache.describe, cache.materialise):
        with pytest.raises(CatalogueError, match="did you mean 'tiny'"):
            use(tiny_catalogue, "tinny", "fp32", ONNX)


def test_built_once_and_described_alike(
    tiny_cache: ModelCache, tiny_built: Built, tiny_catalogue: Catalogue
) -> None:
    said: list[str] = []
    for (variant, fmt), local in tiny_built.items():
        again = tiny_cache.materialise(tiny_catalogue, "tiny", variant, fmt, said.append)
        assert again == local
        assert tiny_cache.describe(tiny_catalogue, "tiny", variant, fmt) == local.variant
        assert tiny_cache.path_of(local.variant.digest) == local.path
        content = local.path.read_bytes()
        assert hashlib.sha256(content).hexdigest() == local.variant.digest
        assert len(content) == local.variant.size_bytes
    assert said == []
    assert leftovers(tiny_cache) == []


def test_the_manifest_says_how_it_was_made(tiny_built: Built) -> None:
    local = tiny_built["int8-static", TFLITE]
    manifest = json.loads(local.path.with_suffix(".json").read_text())
    source = tiny_built["fp32", TFLITE].variant.digest
    assert manifest["digest"] == local.variant.digest
    assert manifest["source_digest"] == source == local.variant.origin["source_digest"]
    assert manifest["calibration"]["samples"] == 8
    assert len(manifest["calibration"]["digest"]) == 64
    assert manifest["tools"]["ai-edge-quantizer"]
    assert manifest["seed"] == 3
    assert manifest["proof"]["cosine_min"] > 0.9
    assert set(manifest["inspection"]["activation_types"]) == {"int8"}
    assert set(manifest["inspection"]["operators_by_kind"]) == {"integer"}
    assert manifest["parameters"]["granularity"] == "channel"
    assert "byte-identical" in manifest["reproducible"]
    assert manifest["cost"]["peak_rss_bytes"] > 1_000_000


def test_two_builds_are_byte_identical(
    tmp_path: Path, tiny_built: Built, tiny_catalogue: Catalogue
) -> None:
    cache = ModelCache(tmp_path / "ein anderer Ort", LocalInfer())
    for (variant, fmt), local in tiny_built.items():
        again = cache.materialise(tiny_catalogue, "tiny", variant, fmt)
        assert again.variant.digest == local.variant.digest


def test_the_source_is_built_first_and_progress_says_so(
    tmp_path: Path, tiny_catalogue: Catalogue
) -> None:
    said: list[str] = []
    cache = ModelCache(tmp_path, LocalInfer())
    cache.materialise(tiny_catalogue, "tiny", "int8-static", TFLITE, said.append)
    assert said == ["building tiny/fp32 (tflite)", "building tiny/int8-static (tflite)"]


def test_damaged_bytes_are_built_again(tmp_path: Path, tiny_catalogue: Catalogue) -> None:
    cache = ModelCache(tmp_path)
    local = cache.materialise(tiny_catalogue, "tiny", "fp32", TFLITE)
    content = bytearray(local.path.read_bytes())
    content[len(content) // 2] ^= 1
    local.path.chmod(0o644)
    local.path.write_bytes(content)
    assert cache.materialise(tiny_catalogue, "tiny", "fp32", TFLITE) == local
    assert hashlib.sha256(local.path.read_bytes()).hexdigest() == local.variant.digest


@pytest.mark.parametrize("content", ["", "{", "[]", '{"digest": "../../etc/passwd"}'])
def test_damaged_records_are_no_trouble(
    tmp_path: Path, tiny_catalogue: Catalogue, content: str
) -> None:
    cache = ModelCache(tmp_path)
    local = cache.materialise(tiny_catalogue, "tiny", "fp32", TFLITE)
    for path in tmp_path.rglob("*.json"):
        path.write_text(content)
    assert cache.describe(tiny_catalogue, "tiny", "fp32", TFLITE).digest == UNBUILT
    assert cache.materialise(tiny_catalogue, "tiny", "fp32", TFLITE).variant == local.variant


def test_two_processes_at_once(tmp_path: Path, tiny_text: str) -> None:
    catalogue = tmp_path / "tiny.yaml"
    catalogue.write_text(tiny_text)
    program = (
        "import sys; from pathlib import Path\n"
        "from harness.models.cache import ModelCache, ModelFormat\n"
        "from harness.models.catalogue import Catalogue\n"
        "catalogue = Catalogue.load([Path(sys.argv[1])])\n"
        "cache = ModelCache(Path(sys.argv[2]))\n"
        "print(cache.materialise(catalogue, 'tiny', 'fp32', ModelFormat.ONNX).variant.digest)\n"
    )
    command = [sys.executable, "-c", program, str(catalogue), str(tmp_path / "cache")]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    digests = {racer.communicate(timeout=120)[0].strip() for racer in racers}
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    assert len(digests) == 1
    cache = ModelCache(tmp_path / "cache")
    assert hashlib.sha256(cache.path_of(digests.pop()).read_bytes())
    assert len(models(cache)) == 1
    assert leftovers(cache) == []


def test_what_a_killed_build_left_is_removed(tmp_path: Path, tiny_catalogue: Catalogue) -> None:
    cache = ModelCache(tmp_path)
    cache.materialise(tiny_catalogue, "tiny", "fp32", TFLITE)
    (lock,) = (tmp_path / "locks").iterdir()
    old = tmp_path / "work" / lock.name / "model.tflite"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"half")
    for recipe in (tmp_path / "recipes").iterdir():
        recipe.unlink()
    cache.materialise(tiny_catalogue, "tiny", "fp32", TFLITE)
    assert leftovers(cache) == []


# --- builds that fail


def shadow(folder: Path, monkeypatch: pytest.MonkeyPatch, module: str, code: str) -> None:
    """Make the build process, and only that, find another module under this name."""
    (folder / module).mkdir(parents=True)
    (folder / module / "__init__.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "raise ModuleNotFoundError(\"No module named 'onnx'\", name='onnx')",
            r"the module onnx is missing; install it with pip install 'benchfarm\[models\]'",
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended with SIGSEGV"),
        ("print('noise'); raise SystemExit(7)", "exit code 7; it last said: noise"),
        ("raise RuntimeError('no such opset')", "it last said: RuntimeError: no such opset"),
    ],
)
def test_a_failing_converter_is_one_line(
    tmp_path: Path,
    tiny_catalogue: Catalogue,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    message: str,
) -> None:
    shadow(tmp_path / "shadow", monkeypatch, "onnx", code)
    cache = ModelCache(tmp_path / "cache")
    with pytest.raises(CatalogueError, match=message) as caught:
        cache.materialise(tiny_catalogue, "tiny", "fp32", ONNX)
    assert str(caught.value).startswith("building tiny/fp32 (onnx) failed: ")
    assert "\n" not in str(caught.value)
    assert models(cache) == leftovers(cache) == []


def test_a_quantizer_that_does_nothing_is_caught(
    tmp_path: Path,
    tiny_catalogue: Catalogue,
    tiny_built: Built,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = (
        "import shutil, sys, types\n"
        "calibrator = recipe_manager = None\n"
        "sys.modules[__name__ + '.utils'] = types.SimpleNamespace(qsv_utils=None)\n"
        "class quantizer:\n"
        "    class Quantizer:\n"
        "        def __init__(self, path): self.path = path\n"
        "        def load_quantization_recipe(self, recipe): pass\n"
        "        need_calibration = False\n"
        "        def quantize(self, ranges): return self\n"
        "        def export_model(self, target): shutil.copy(self.path, target)\n"
    )
    cache = ModelCache(tmp_path / "cache", LocalInfer())
    cache.materialise(tiny_catalogue, "tiny", "fp32", TFLITE)
    shadow(tmp_path / "shadow", monkeypatch, "ai_edge_quantizer", code)
    with pytest.raises(CatalogueError, match=r"only 0.0 % of the weights have 8 bits"):
        cache.materialise(tiny_catalogue, "tiny", "int8-static", TFLITE)
    assert [path.name for path in models(cache)] == [tiny_built["fp32", TFLITE].path.name]
    assert leftovers(cache) == []


def test_what_cannot_be_proven_is_not_built(tmp_path: Path, tiny_catalogue: Catalogue) -> None:
    cache = ModelCache(tmp_path / "cache")
    with pytest.raises(CatalogueError, match="nothing here can run the file to prove it"):
        cache.materialise(tiny_catalogue, "tiny", "int8-static", TFLITE)
    assert len(models(cache)) == 1  # the float file
    assert leftovers(cache) == []


def test_a_disk_that_fills_while_building(
    tmp_path: Path, tiny_catalogue: Catalogue, small_disk: SmallDisk
) -> None:
    cache = ModelCache(tmp_path)
    with small_disk(100_000), pytest.raises(CatalogueError, match="too large") as caught:
        cache.materialise(tiny_catalogue, "tiny", "fp32", TFLITE)
    assert "\n" not in str(caught.value)
    assert models(cache) == leftovers(cache) == []


def test_a_cache_that_cannot_be_written(tmp_path: Path, tiny_catalogue: Catalogue) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder")
    cache = ModelCache(in_the_way / "cache")
    assert cache.describe(tiny_catalogue, "tiny", "fp32", ONNX).digest == UNBUILT
    with pytest.raises(CatalogueError, match="set BENCHFARM_CACHE to another folder"):
        cache.materialise(tiny_catalogue, "tiny", "fp32", ONNX)


# --- importing


def test_import_copies(tmp_path: Path, tiny_built: Built) -> None:
    cache = ModelCache(tmp_path / "cache")
    mine = tmp_path / "Mein Modell 模型.ONNX"
    mine.write_bytes(tiny_built["fp32", ONNX].path.read_bytes())
    local = cache.import_file(mine)
    assert local.variant.label == "Mein Modell 模型"
    assert (local.variant.name, local.variant.precision) == ("file", "unknown")
    assert local.variant.origin == {"method": "import", "file": mine.name}
    assert local.variant.findings == ()
    mine.write_bytes(b"edited later")
    assert hashlib.sha256(local.path.read_bytes()).hexdigest() == local.variant.digest
    assert cache.path_of(local.variant.digest) == local.path
    assert leftovers(cache) == []


def test_importing_twice_is_one_file(tmp_path: Path, tiny_built: Built) -> None:
    cache = ModelCache(tmp_path / "cache")
    mine, copy = tmp_path / "a.tflite", tmp_path / "b.tflite"
    for path in (mine, copy):
        path.write_bytes(tiny_built["fp32", TFLITE].path.read_bytes())
    assert cache.import_file(mine).path == cache.import_file(copy).path
    assert len(models(cache)) == 1


def test_importing_repairs_a_damaged_object(tmp_path: Path, tiny_built: Built) -> None:
    cache = ModelCache(tmp_path / "cache")
    mine = tiny_built["fp32", TFLITE].path
    kept = cache.import_file(mine).path
    kept.chmod(0o644)
    kept.write_bytes(b"damaged")
    assert cache.import_file(mine).path.read_bytes() == mine.read_bytes()


def test_names_as_long_as_a_file_system_takes(tmp_path: Path, tiny_built: Built) -> None:
    cache = ModelCache(tmp_path / "cache")
    mine = tmp_path / ("n" * 248 + ".tflite")
    mine.write_bytes(tiny_built["fp32", TFLITE].path.read_bytes())
    assert cache.import_file(mine).variant.model == "n" * 248


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.onnx", "there is no such file"),
        ("folder.onnx", "is a folder"),
        ("pipe.onnx", "is no regular file"),
        ("empty.onnx", "is empty"),
        ("text.onnx", "no ONNX model"),
        ("text.tflite", "no TFLite model"),
        ("text.pb", "names no model format"),
        ("n" * 5000 + ".onnx", "cannot be read"),
    ],
)
def test_what_is_not_imported(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.onnx").mkdir()
    os.mkfifo(tmp_path / "pipe.onnx")
    (tmp_path / "empty.onnx").touch()
    for suffix in ("onnx", "tflite", "pb"):
        (tmp_path / f"text.{suffix}").write_text("not a model at all")
    cache = ModelCache(tmp_path / "cache")
    with pytest.raises(CatalogueError, match=message) as caught:
        cache.import_file(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert models(cache) == leftovers(cache) == []


def test_a_disk_that_fills_while_importing(
    tmp_path: Path, tiny_built: Built, small_disk: SmallDisk
) -> None:
    cache = ModelCache(tmp_path / "cache")
    with small_disk(100_000), pytest.raises(CatalogueError, match="make room"):
        cache.import_file(tiny_built["fp32", TFLITE].path)
    assert models(cache) == leftovers(cache) == []


@pytest.mark.parametrize("digest", ["0" * 64, "unbuilt", "../../etc/passwd", ""])
def test_a_digest_that_is_not_here(tmp_path: Path, digest: str) -> None:
    with pytest.raises(CatalogueError, match="build or import it again"):
        ModelCache(tmp_path).path_of(digest)
