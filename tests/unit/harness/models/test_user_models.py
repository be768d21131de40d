"""Variants of a user's own files: built, imported and verified, or refused in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cli.inference import LocalInfer
from harness.errors import CatalogueError
from harness.models.cache import ModelCache
from harness.models.convert import to_onnx, to_tflite
from harness.models.convert.layers import Network
from harness.models.methods import complete
from harness.models.policy import Policy, Rule, Setting
from harness.models.user_models import FileBuild, UserModels, variant_of
from harness.models.verifying import Verifier
from harness.variant import ModelFormat

ONNX, TFLITE = ModelFormat.ONNX, ModelFormat.TFLITE


def wanted(path: Path, method: str, **more: Any) -> FileBuild:
    return FileBuild(path, method, complete(method, more.pop("parameters", {})), **more)


def leftovers(cache: ModelCache) -> list[Path]:
    return list((cache.root / "work").iterdir()) if (cache.root / "work").is_dir() else []


def objects(cache: ModelCache) -> list[Path]:
    return [p for p in (cache.root / "objects").rglob("*") if p.suffix in (".onnx", ".tflite")]


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    return ModelCache(tmp_path / "cache", LocalInfer())


@pytest.fixture
def user(cache: ModelCache) -> UserModels:
    return UserModels(cache, LocalInfer())


@pytest.fixture
def my_file(tmp_path: Path, network: Network) -> Callable[[ModelFormat], Path]:
    def write(fmt: ModelFormat) -> Path:
        path = tmp_path / f"mine.{fmt}"
        (to_onnx if fmt is ONNX else to_tflite).write(network, path)
        return path

    return write


@pytest.fixture
def my_data(tmp_path: Path) -> Callable[[ModelFormat], Path]:
    def write(fmt: ModelFormat, count: int = 16, **arrays: Any) -> Path:
        path = tmp_path / "data.npz"
        shape = (count, 3, 11, 8) if fmt is ONNX else (count, 11, 8, 3)
        image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        np.savez(path, **(arrays or {"image": image}))
        return path

    return write


@pytest.mark.parametrize("fmt", ModelFormat)
def test_a_file_becomes_a_proven_variant(user, cache, my_file, my_data, fmt: ModelFormat) -> None:
    data = my_data(fmt)
    said: list[str] = []
    manifest = user.build(wanted(my_file(fmt), "int8-static", calibration=data), said.append)
    assert said == [f"building mine/int8-static ({fmt})"]
    assert manifest["proof"]["cosine_min"] > 0.9
    assert manifest["calibration"]["data"] == "data.npz"
    assert manifest["findings"] == []
    variant = variant_of(manifest)
    assert (variant.label, variant.precision) == ("mine/int8-static", "int8")
    assert cache.path_of(variant.digest).stat().st_size == variant.size_bytes
    verifier = Verifier(cache.files, LocalInfer())
    assert [check.problem for check in verifier.verify(manifest)] == [""] * 4
    assert leftovers(cache) == []
    damaged = cache.path_of(variant.digest)
    damaged.chmod(0o644)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    (check,) = verifier.verify(manifest)
    assert check.found == "damaged"


def test_verify_sees_a_manifest_that_lies(user, cache, my_file) -> None:
    manifest = user.build(wanted(my_file(TFLITE), "fp16"), str)
    verify = Verifier(cache.files, LocalInfer()).verify
    lied = json.loads(json.dumps(manifest))
    lied["claim"]["precision"] = "int8"
    problems = {check.what: check.problem for check in verify(lied)}
    assert "8 bits or fewer" in problems["precision"]
    lied["inspection"]["weights"] = lied["inspection"]["weights"][1:]
    lied["proof"]["cosine_min"] = 0.5
    problems = {check.what: check.problem for check in verify(lied)}
    assert problems["contents"] == "the manifest describes other contents"
    assert "when it was built the least cosine was 0.5" in problems["outputs"]
    cache.path_of(manifest["digest"]).unlink()
    assert verify(manifest)[0].found == "missing"


def test_random_calibration_is_asked_for_and_a_finding(user, cache, my_file) -> None:
    path = my_file(ONNX)
    with pytest.raises(CatalogueError, match=r"give --calibration .* or ask for"):
        user.build(wanted(path, "int8-static"), str)
    manifest = user.build(wanted(path, "int8-static", random=True), str)
    assert manifest["findings"][0] == "RANDOM-CALIBRATION"


def test_a_policy_for_a_file(user, my_file) -> None:
    policy = Policy(
        Setting("int8-weights", complete("int8-weights", {})),
        keep=("first",),
        layers=(Rule("head*", Setting("int4-weights", complete("int4-weights", {}))),),
    )
    manifest = user.build(FileBuild(my_file(ONNX), "mixed", {}, policy=policy), str)
    assert manifest["precision"] == "mixed"
    assert manifest["layers"]["stem_conv"] == "keep"
    unknown = Policy(policy.default, keep=("tail",))
    with pytest.raises(CatalogueError, match="no layer matches 'tail'; the nearest names"):
        user.build(FileBuild(my_file(ONNX), "mixed", {}, policy=unknown), str)


BAD_DATA = [
    ({"image": np.zeros((16, 8, 8, 3), np.float32)}, "has samples of the shape 8 x 8 x 3"),
    ({"image": np.zeros((16, 11, 8, 3), np.int32)}, "holds int32, the model takes float32"),
    ({"image": np.full((16, 11, 8, 3), np.nan, np.float32)}, "holds NaN or infinity"),
    ({"image": np.zeros((1, 11, 8, 3), np.float32)}, "holds 1 sample, at least 8 are needed"),
    ({"picture": np.zeros((16, 11, 8, 3), np.float32)}, "no input 'picture'"),
]


@pytest.mark.parametrize(("arrays", "message"), BAD_DATA)
def test_bad_calibration_data(user, cache, my_file, my_data, arrays: Any, message: str) -> None:
    data = my_data(TFLITE, **arrays)
    with pytest.raises(CatalogueError, match=message) as caught:
        user.build(wanted(my_file(TFLITE), "int8-static", calibration=data), str)
    assert "\n" not in str(caught.value)
    assert len(objects(cache)) == 1  # the float file
    assert leftovers(cache) == []


REFUSED = [
    ("mobilenet_v2_1.0_224_quant.tflite", "int8-dynamic", {}, "is quantized already"),
    ("deeplabv3_mnv2_dm05_pascal_quant.tflite", "fp16", {}, "is quantized already .182 tensors"),
    ("pretrainedResnet_quant.tflite", "int8-dynamic", {}, "is quantized already .37 tensors"),
    ("movenet_single_pose_lightning_ptq.tflite", "int8-dynamic", {}, "is quantized already"),
    ("kws_ref_model_float32.tflite", "fp16", {}, "is quantized already .5 tensors"),
    ("silero_vad_16k_op15.onnx", "int8-dynamic", {}, "free dimensions; fix them with --shape"),
    (
        "silero_vad_16k_op15.onnx", "int8-weights",
        {"shapes": {"input": (1, 576), "state": (2, 1, 128)}}, "only 40.3 % of the weights",
    ),
    ("mnist.onnx", "int4-dynamic", {}, "int4-dynamic is not supported for onnx"),
    ("mnist.onnx", "prune", {}, "works on a family's layers"),
    (
        "vww_96_float.tflite", "int4-dynamic",
        {"parameters": {"granularity": "block32"}}, "only 0.2 % of the weights have 4 bits",
    ),
    ("vww_96_float.tflite", "int2-dynamic", {}, "no proven int2 model: only .* have 2 bits"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "method", "more", "message"), REFUSED)
def test_real_models_that_are_refused(
    user, cache, shared_models: Path, name: str, method: str, more: Any, message: str
) -> None:
    with pytest.raises(CatalogueError, match=message) as caught:
        user.build(wanted(shared_models / name, method, **more), str)
    assert "\n" not in str(caught.value)
    assert cache.files.named_manifests() == leftovers(cache) == []


#: Without a signature, or with operator codes that the quantizer does not read, or IR version 3.
MADE = [
    ("ad01_fp32.tflite", "int8-dynamic"),
    ("rfb320_nopost.tflite", "fp16"),
    ("pretrainedResnet.tflite", "fp16"),
    ("mnist.onnx", "fp16"),
]


@pytest.mark.parametrize(("name", "method"), MADE)
def test_old_files_are_quantized_all_the_same(
    user, shared_models: Path, name: str, method: str
) -> None:
    manifest = user.build(wanted(shared_models / name, method), str)
    assert manifest["proof"]["cosine_min"] > 0.99
    assert manifest["proof"]["size_ratio"] < 0.7


def test_a_variant_made_elsewhere(user, cache, shared_models: Path) -> None:
    qat, original = (shared_models / f"vww_96_{kind}.tflite" for kind in ("int8", "float"))
    manifest = user.import_variant(qat, "vww/qat", "int8", original, {})
    assert manifest["proof"]["cosine_min"] > 0.99
    assert cache.files.manifest_named("vww/qat tflite")["digest"] == manifest["digest"]
    with pytest.raises(CatalogueError, match="is no proven int8 model"):
        user.import_variant(original, "vww/liar", "int8", None, {})
    with pytest.raises(CatalogueError, match="is no tflite file"):
        user.import_variant(qat, "vww/x", "int8", shared_models / "mnist.onnx", {})
    assert len(cache.files.named_manifests()) == 1


def test_a_file_that_crashes_the_engine_is_refused(cache, my_file) -> None:
    from harness.errors import RunnerDied

    def dies(*_: object) -> Any:
        raise RunnerDied("local", signal_name="SIGSEGV")

    with pytest.raises(CatalogueError, match=r"does not run: local: .* ended by SIGSEGV"):
        UserModels(cache, dies).build(wanted(my_file(TFLITE), "fp16"), str)
    assert cache.files.named_manifests() == leftovers(cache) == []


def test_two_gibibytes(user, tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    with path.open("wb") as stream:
        stream.truncate(2**31)
    with pytest.raises(CatalogueError, match=r"huge.onnx: has 2\.0 GiB"):
        user.build(wanted(path, "fp16"), str)


def test_a_disk_that_fills(user, cache, my_file, small_disk) -> None:
    source = my_file(TFLITE)
    with small_disk(source.stat().st_size // 3), pytest.raises(CatalogueError) as caught:
        user.build(wanted(source, "fp16"), str)
    assert "\n" not in str(caught.value)
    assert objects(cache) == leftovers(cache) == []


def test_the_room_that_is_asked_for_is_given_back(user, cache, my_file, tmp_path: Path) -> None:
    before = set(Path(tmp_path).iterdir())
    user.build(wanted(my_file(ONNX), "int8-weights"), str)
    shutil.rmtree(cache.root)
    assert set(Path(tmp_path).iterdir()) - before == {tmp_path / "mine.onnx"}
