"""LiteRT's own profiler, which its Python interpreter does not offer, through its C library.

The C interface is not declared stable. Nothing is taken for granted beyond what is tested here: the
version is checked, every call's status is, and the size of an event is measured rather than known.
Objects are never released: the process ends after a profile.
"""

from __future__ import annotations

import ctypes as c
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device_agents.local.runner.refusal import Refused

#: Versions whose C interface is known to be as used here.
KNOWN = ("2.",)
_LIBRARY = "libLiteRt.so"
_CPU = 1
_LOCK_TO_WRITE = 1
#: More than any event takes; what a buffer holds before the library fills it.
_ROOM, _UNTOUCHED = 512, 0xA5
#: Tag (a pointer), kind, padding, start and length in microseconds: how an event begins.
_EVENT = struct.Struct("<QixxxxQQ")
_OPEN = "LiteRT's profiler only takes models whose shapes are those of the file"
_FREE = c.CFUNCTYPE(None, c.c_void_p)


class _TensorType(c.Structure):
    """``LiteRtRankedTensorType``: element type, rank and flags, sizes, strides."""

    _fields_ = (
        ("element", c.c_int32),
        ("rank", c.c_uint32),
        ("sizes", c.c_int32 * 8),
        ("strides", c.c_uint32 * 8),
    )


def profile(
    package: Any,
    model: Path,
    arrays: Sequence[NDArray[Any]],
    results: Sequence[int],
    runs: int,
    *,
    threads: int,
    xnnpack: bool,
) -> bytes:
    """The events of ``runs`` inferences as JSON: a list of ``tag``, ``type`` and ``us``.

    ``results`` are the sizes in bytes that the outputs really have: a compiled model whose buffers
    are others crashes. Raises Refused with ``unsupported`` for other versions of LiteRT, and for
    models whose shapes are not those of the file.
    """
    version = str(getattr(package, "__version__", ""))
    library = Path(str(package.__file__)).with_name(_LIBRARY)
    if package.__name__ != "ai_edge_litert" or not version.startswith(KNOWN):
        raise Refused("unsupported", f"{package.__name__} {version} has no profiler that is known")
    if not library.exists():
        raise Refused("unsupported", f"{package.__name__} {version} comes without {_LIBRARY}")
    return _Session(_Library(library), model, threads, xnnpack=xnnpack).events(
        arrays, results, runs
    )


class _Library:
    """Calls by name; a status other than 0 is a failure."""

    def __init__(self, path: Path) -> None:
        self._library = c.CDLL(str(path))
        self._memory = c.CDLL(None)
        self._memory.strdup.restype = c.c_void_p
        self._free = _FREE(("free", self._memory))

    def call(self, name: str, *arguments: Any) -> None:
        """Raises RuntimeError with the function's name and status."""
        function = getattr(self._library, f"LiteRt{name}", None)
        if function is None:
            raise Refused("unsupported", f"this LiteRT has no LiteRt{name}")
        status = function(*arguments)
        if status:
            raise RuntimeError(f"LiteRt{name} failed with status {status}")

    def made(self, name: str, *arguments: Any) -> c.c_void_p:
        """What a function puts behind its last argument."""
        found = c.c_void_p()
        self.call(name, *arguments, c.byref(found))
        return found

    def options(self, texts: dict[str, str]) -> c.c_void_p:
        """Compilation options for the CPU, with the parts that are TOML under a name."""
        options = self.made("CreateOptions")
        self.call("SetOptionsHardwareAccelerators", options, c.c_int(_CPU))
        for name, text in texts.items():
            payload = c.c_void_p(self._memory.strdup(text.encode()))
            part = self.made("CreateOpaqueOptions", name.encode(), payload, self._free)
            self.call("AddOpaqueOptions", options, part)
        return options


class _Session:
    """A compiled model with its buffers."""

    def __init__(self, library: _Library, model: Path, threads: int, *, xnnpack: bool) -> None:
        self._library = library
        kernels = "xnnpack" if xnnpack else "builtin"
        options = library.options(
            {
                "runtime_options_string": "enable_profiling = true\n",
                "xnnpack": f'kernel_mode = "{kernels}"\nnum_threads = {threads}\n',
            }
        )
        self._environment = library.made("CreateEnvironment", c.c_int(0), None)
        read = library.made("CreateModelFromFile", self._environment, str(model).encode())
        self._signature = library.made("GetModelSignature", read, c.c_size_t(0))
        self._compiled = library.made("CreateCompiledModel", self._environment, read, options)
        self._inputs, self._outputs = self._buffers("Input"), self._buffers("Output")

    def events(self, arrays: Sequence[NDArray[Any]], results: Sequence[int], runs: int) -> bytes:
        """Run with the profiler on."""
        if sorted(map(self._size, self._outputs)) != sorted(results):
            raise Refused("unsupported", _OPEN)
        self._fill(arrays)
        library = self._library
        profiler = library.made("CompiledModelGetProfiler", self._compiled)
        library.call("StartProfiler", profiler)
        for _ in range(runs):
            library.call(
                "RunCompiledModel",
                self._compiled,
                c.c_size_t(0),
                *(c.c_size_t(len(self._inputs)), self._inputs),
                *(c.c_size_t(len(self._outputs)), self._outputs),
            )
        library.call("StopProfiler", profiler)
        return json.dumps(self._read(profiler)).encode()

    def _read(self, profiler: c.c_void_p) -> list[dict[str, object]]:
        count = c.c_int()
        self._library.call("GetNumProfilerEvents", profiler, c.byref(count))
        if count.value <= 0:
            raise RuntimeError("the profiler saw nothing")
        buffer = (c.c_ubyte * (count.value * _ROOM))()
        c.memset(buffer, _UNTOUCHED, len(buffer))
        self._library.call("GetProfilerEvents", profiler, count, buffer)
        data = bytes(buffer).rstrip(bytes([_UNTOUCHED]))
        size = -(-len(data) // count.value // 8) * 8
        events = []
        for place in range(count.value):
            tag, kind, _, us = _EVENT.unpack_from(data, place * size)
            name = c.string_at(tag).decode("utf-8", "replace") if tag else ""
            events.append({"tag": name, "type": kind, "us": us})
        return events

    def _buffers(self, side: str) -> Any:
        """A buffer for each input or output, of the file's own shapes."""
        library, count = self._library, c.c_size_t()
        library.call(f"GetNumSignature{side}s", self._signature, c.byref(count))
        made = []
        for place in range(count.value):
            number = c.c_size_t(place)
            tensor = library.made(f"GetSignature{side}TensorByIndex", self._signature, number)
            kind = _TensorType()
            library.call("GetRankedTensorType", tensor, c.byref(kind))
            if any(size < 1 for size in kind.sizes[: kind.rank & 0x7F]):
                raise Refused("unsupported", _OPEN)
            needs = library.made(
                f"GetCompiledModel{side}BufferRequirements", self._compiled, c.c_size_t(0), number
            )
            made.append(
                library.made(
                    "CreateManagedTensorBufferFromRequirements",
                    self._environment,
                    c.byref(kind),
                    needs,
                )
            )
        return (c.c_void_p * len(made))(*made)

    def _size(self, handle: int) -> int:
        size = c.c_size_t()
        self._library.call("GetTensorBufferPackedSize", c.c_void_p(handle), c.byref(size))
        return size.value

    def _fill(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Copy each input into a buffer of its size: names differ between the two interfaces."""
        left = list(arrays)
        for handle in self._inputs:
            buffer, size = c.c_void_p(handle), self._size(handle)
            array = next((one for one in left if one.nbytes == size), None)
            if array is None:
                raise Refused("unsupported", _OPEN)
            left = [one for one in left if one is not array]
            place = c.c_void_p()
            self._library.call("LockTensorBuffer", buffer, c.byref(place), c.c_int(_LOCK_TO_WRITE))
            c.memmove(place, np.ascontiguousarray(array).ctypes.data, array.nbytes)
            self._library.call("UnlockTensorBuffer", buffer)
