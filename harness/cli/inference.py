"""Untimed inference on this machine: a model file in a runner process of its own."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from harness.clock import CancelToken, Deadline, SystemClock
from harness.variant import ENGINE_FORMATS, ModelFormat

if TYPE_CHECKING:
    from harness.device import Device
    from harness.models.inference import Feeds, Outputs, Shapes

_TIMEOUT_S = 600.0  #: for all samples of one file; this only ends an engine that hangs
_ENGINES = {fmt: engine for engine, fmt in ENGINE_FORMATS.items()}


class LocalInfer:
    """Implements :class:`harness.models.inference.Infer` with the local runner."""

    def __init__(self, cancel: CancelToken | None = None) -> None:
        self._cancel = cancel or CancelToken()

    def __call__(
        self, path: Path, fmt: ModelFormat, feeds: Feeds, shapes: Shapes = MappingProxyType({})
    ) -> Outputs:
        """The outputs for each sample, as real numbers; see the Protocol."""
        from device_agents.registry import workbench

        with tempfile.TemporaryDirectory(prefix="benchfarm-infer-") as folder:
            device = workbench(Path(folder))
            try:
                return self._run(device, Path(folder), path, fmt, feeds, shapes)
            finally:
                device.close()

    def _run(
        self,
        device: Device,
        folder: Path,
        path: Path,
        fmt: ModelFormat,
        feeds: Feeds,
        shapes: Shapes,
    ) -> Outputs:
        from harness.conductor.arrays import outputs_of
        from harness.conductor.attempt import tensor_specs
        from harness.conductor.session import RunnerSession
        from harness.models.inference import real_outputs, sample_count, stored_inputs
        from harness.wire.messages import Infer, LoadModel

        clock = SystemClock()
        deadline, engine = Deadline(clock, _TIMEOUT_S), _ENGINES[fmt]
        digest = self._push(device, path, deadline)
        session = RunnerSession(
            device.device_id, device.launch(engine, deadline, self._cancel), clock
        )
        try:
            session.open(deadline, self._cancel)
            load = LoadModel(digest, engine, "cpu", 1, shapes=dict(shapes))
            loaded = session.load(load, deadline, self._cancel)
            arrays = stored_inputs(tensor_specs(loaded.inputs), feeds)
            digests = self._push_arrays(device, folder, arrays, deadline)
            message = Infer(tuple(digests), 0, sample_count(feeds))
            outputs = tensor_specs(loaded.outputs)
            return [
                real_outputs(outputs, outputs_of(packet, loaded))
                for packet in session.infer(message, deadline, self._cancel)
            ]
        finally:
            session.close()

    def _push(self, device: Device, path: Path, deadline: Deadline) -> str:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        device.push(path, digest, deadline, self._cancel)
        return digest

    def _push_arrays(
        self, device: Device, folder: Path, arrays: Sequence[Any], deadline: Deadline
    ) -> list[str]:
        digests = []
        for place, array in enumerate(arrays):
            file = folder / f"input-{place}"
            file.write_bytes(array.astype(array.dtype.newbyteorder("<")).tobytes())
            digests.append(self._push(device, file, deadline))
        return digests
