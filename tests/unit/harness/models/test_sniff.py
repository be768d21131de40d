from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import CatalogueError
from harness.models import sniff
from harness.variant import LocalVariant, ModelFormat

Built = dict[tuple[str, ModelFormat], LocalVariant]

FORMATS = tuple(ModelFormat)
_FIXTURE = [HealthCheck.function_scoped_fixture]


@pytest.mark.parametrize("name", ["model.pt", "model", "model.onnx.gz", "模型.h5"])
def test_unknown_suffixes(name: str) -> None:
    with pytest.raises(CatalogueError, match=r"give an \.onnx or a \.tflite"):
        sniff.format_of(Path(name))


def test_suffixes_in_capitals() -> None:
    assert sniff.format_of(Path("M.TFLite")) is ModelFormat.TFLITE
    assert sniff.format_of(Path("M.ONNX")) is ModelFormat.ONNX


def test_real_models_pass(shared_models: Path) -> None:
    files = [path for path in shared_models.iterdir() if path.suffix in (".onnx", ".tflite")]
    assert len(files) > 10
    for path in files:
        sniff.check(path, sniff.format_of(path), path.name)


def test_what_we_build_passes(tiny_built: Built) -> None:
    for (_, fmt), local in tiny_built.items():
        sniff.check(local.path, fmt, "built")


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("content", [b"", b"\0", b"TFL3", b"hello, I am a text\n", b"\0" * 4096])
def test_what_is_no_model(tmp_path: Path, fmt: ModelFormat, content: bytes) -> None:
    path = tmp_path / "model"
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match=r"^its name: .*"):
        sniff.check(path, fmt, "its name")


def test_a_lfs_pointer(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
    with pytest.raises(CatalogueError, match="git lfs pull"):
        sniff.check(path, ModelFormat.ONNX, "model.onnx")


def test_a_wrong_suffix(tiny_built: Built) -> None:
    tflite = tiny_built["fp32", ModelFormat.TFLITE].path
    with pytest.raises(CatalogueError, match=r"rename it to \.tflite"):
        sniff.check(tflite, ModelFormat.ONNX, "m")
    onnx = tiny_built["fp32", ModelFormat.ONNX].path
    with pytest.raises(CatalogueError, match="no TFLite model"):
        sniff.check(onnx, ModelFormat.TFLITE, "m")


@pytest.mark.parametrize("variant", ["fp32", "int8-static"])
@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_file_is_seen(
    tmp_path: Path, tiny_built: Built, variant: str, fmt: ModelFormat, share: float
) -> None:
    whole = tiny_built[variant, fmt].path.read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CatalogueError, match="copy it again"):
        sniff.check(path, fmt, "cut")


def test_weights_in_other_files_are_refused(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2])
    weights.data_location = TensorProto.EXTERNAL
    entry = weights.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy"]
    node = helper.make_node("Add", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", tensors[:1], tensors[1:], [weights])
    path = tmp_path / "split.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    assert onnx.load(path, load_external_data=False).graph.name == "g"
    with pytest.raises(CatalogueError, match="save it as one file"):
        sniff.check(path, ModelFormat.ONNX, "split")


@pytest.mark.parametrize("fmt", FORMATS)
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=_FIXTURE)
def test_damage_never_raises_anything_else(
    tmp_path: Path, tiny_built: Built, fmt: ModelFormat, data: st.DataObject
) -> None:
    content = bytearray(tiny_built["int8-static", fmt].path.read_bytes())
    # Headers and tables decide; in a FlatBuffer they are at both ends.
    places = st.integers(0, 400) | st.integers(len(content) - 9000, len(content) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=8)):
        content[place] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    path = tmp_path / "damaged"
    path.write_bytes(content)
    with contextlib.suppress(CatalogueError):
        sniff.check(path, fmt, "damaged")
