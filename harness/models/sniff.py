"""Is this file a model, and a whole one? Answered from the file's structure, without an engine.

Only offsets and lengths are followed, never weights, so a file of gigabytes takes milliseconds. An
engine may still refuse what passes here; what is refused here, every engine refuses.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

from harness.errors import CatalogueError
from harness.variant import ModelFormat

_LFS_POINTER = b"version https://git-lfs"
_TFLITE_MAGIC = b"TFL3"

#: Field numbers of onnx.proto.
_MODEL_FIELDS = frozenset((*range(1, 9), 14, 20, 25, 26))
_MODEL_GRAPH, _MODEL_OPSET = 7, 8
_GRAPH_INITIALIZER = 5
_TENSOR_EXTERNAL_DATA = 13

#: Slots of the tables in TensorFlow Lite's schema.fbs.
_MODEL_OPERATOR_CODES, _MODEL_SUBGRAPHS, _MODEL_BUFFERS = 1, 2, 4
_SUBGRAPH_TENSORS, _SUBGRAPH_OPERATORS = 0, 3
_BUFFER_DATA, _BUFFER_OFFSET, _BUFFER_SIZE = 0, 1, 2


class _Broken(Exception):
    """The bytes do not follow the format."""


def format_of(path: Path) -> ModelFormat:
    """The format that a file's suffix promises; :class:`CatalogueError` for any other suffix."""
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in tuple(ModelFormat):
        got = f"the suffix {path.suffix!r}" if suffix else "a name without a suffix"
        raise CatalogueError(f"{path}: {got} names no model format; give an .onnx or a .tflite")
    return ModelFormat(suffix)


def check(path: Path, fmt: ModelFormat, name: str) -> None:
    """Raise :class:`CatalogueError` unless ``path`` holds a whole model of ``fmt``.

    ``name`` is what messages call the file.
    """
    if path.stat().st_size == 0:
        raise CatalogueError(f"{name}: the file is empty; export the model again")
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as contents,
    ):
        if contents[: len(_LFS_POINTER)] == _LFS_POINTER:
            raise CatalogueError(f"{name}: is a Git LFS pointer, not the model; run git lfs pull")
        if fmt is ModelFormat.TFLITE:
            _check_tflite(contents, name)
        else:
            _check_onnx(contents, name)


def _check_tflite(contents: mmap.mmap, name: str) -> None:
    if contents[4:8] != _TFLITE_MAGIC:
        raise CatalogueError(f"{name}: is no TFLite model (no TFL3 at byte 4); check the file")
    try:
        _walk_tflite(contents)
    except (_Broken, struct.error):
        raise CatalogueError(
            f"{name}: the TFLite model is cut off or damaged; copy it again"
        ) from None


def _check_onnx(contents: mmap.mmap, name: str) -> None:
    if contents[4:8] == _TFLITE_MAGIC:
        raise CatalogueError(f"{name}: holds a TFLite model; rename it to .tflite")
    try:
        external = _walk_onnx(contents)
    except (_Broken, IndexError):
        raise CatalogueError(
            f"{name}: is no ONNX model, or one that is cut off; export or copy it again"
        ) from None
    if external:
        raise CatalogueError(
            f"{name}: keeps weights in other files (external data); save it as one file"
        )


# --- Protocol Buffers


def _walk_onnx(contents: mmap.mmap) -> bool:
    """Follow a ModelProto to its end; whether some initializer lies in another file."""
    graphs, numbers = [], set()
    for number, start, end in _fields(contents, 0, len(contents)):
        numbers.add(number)
        if number == _MODEL_GRAPH:
            graphs.append((start, end))
    if not {_MODEL_GRAPH, _MODEL_OPSET} <= numbers <= _MODEL_FIELDS:
        raise _Broken
    return any(
        any(field == _TENSOR_EXTERNAL_DATA for field, _, _ in _fields(contents, start, end))
        for graph in graphs
        for number, start, end in _fields(contents, *graph)
        if number == _GRAPH_INITIALIZER
    )


def _fields(contents: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of each field's value in one message."""
    while start < end:
        tag, value = _varint(contents, start)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise _Broken
        match wire_type:
            case 0:
                _, start = _varint(contents, value)
            case 1:
                start = value + 8
            case 2:
                length, value = _varint(contents, value)
                start = value + length
            case 5:
                start = value + 4
            case _:
                raise _Broken
        if start > end:
            raise _Broken
        yield number, value, start


def _varint(contents: mmap.mmap, at: int) -> tuple[int, int]:
    """The number at ``at`` and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = contents[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _Broken


# --- FlatBuffers


def _walk_tflite(contents: mmap.mmap) -> None:
    """Follow a Model table to its operators, tensors and the end of every buffer of weights."""
    (model,) = struct.unpack_from("<I", contents, 0)
    for code in _tables(contents, model, _MODEL_OPERATOR_CODES):
        _slot(contents, code, 0)
    for subgraph in _tables(contents, model, _MODEL_SUBGRAPHS):
        for slot in (_SUBGRAPH_TENSORS, _SUBGRAPH_OPERATORS):
            for part in _tables(contents, subgraph, slot):
                _slot(contents, part, 0)
    for buffer in _tables(contents, model, _MODEL_BUFFERS):
        _check_buffer(contents, buffer)


def _check_buffer(contents: mmap.mmap, table: int) -> None:
    data = _slot(contents, table, _BUFFER_DATA)
    if data is not None:
        start, length = _vector(contents, data)
        _within(contents, start, length)
    offset, size = (_slot(contents, table, slot) for slot in (_BUFFER_OFFSET, _BUFFER_SIZE))
    if offset is not None and size is not None:  # weights behind the FlatBuffer
        (start,) = struct.unpack_from("<Q", contents, offset)
        (length,) = struct.unpack_from("<Q", contents, size)
        _within(contents, start, length)


def _slot(contents: mmap.mmap, table: int, slot: int) -> int | None:
    """Where a table keeps one of its fields; None when it has none."""
    (back,) = struct.unpack_from("<i", contents, _within(contents, table, 4))
    vtable = _within(contents, table - back, 4)
    (vtable_size,) = struct.unpack_from("<H", contents, vtable)
    at = 4 + 2 * slot
    if at + 2 > vtable_size:
        return None
    (relative,) = struct.unpack_from("<H", contents, _within(contents, vtable + at, 2))
    return table + relative if relative else None


def _tables(contents: mmap.mmap, table: int, slot: int) -> Iterator[int]:
    """The tables of the vector that a table keeps in one of its fields."""
    at = _slot(contents, table, slot)
    if at is None:
        raise _Broken
    start, count = _vector(contents, at)
    _within(contents, start, 4 * count)
    for entry in range(start, start + 4 * count, 4):
        (relative,) = struct.unpack_from("<I", contents, entry)
        yield entry + relative


def _vector(contents: mmap.mmap, at: int) -> tuple[int, int]:
    """Where a vector's elements start, and how many there are."""
    (relative,) = struct.unpack_from("<I", contents, _within(contents, at, 4))
    vector = _within(contents, at + relative, 4)
    (count,) = struct.unpack_from("<I", contents, vector)
    return vector + 4, count


def _within(contents: mmap.mmap, start: int, length: int) -> int:
    """``start``, once it is certain that ``length`` bytes from there are in the file."""
    if start < 0 or start + length > len(contents):
        raise _Broken
    return start
