"""The accuracy pass: a loaded model infers a dataset once, in place of the block program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from harness.clock import CancelToken, Clock, Deadline
from harness.conductor.arrays import outputs_of
from harness.conductor.attempt import tensor_specs
from harness.conductor.inputs import InputFactory
from harness.conductor.session import RunnerSession
from harness.models.evaluation import Score, TaskFor, score
from harness.models.inference import real_outputs, stored_inputs
from harness.wire.messages import Infer, Loaded

#: So many samples are asked for at once, and have to be back within the time limit.
CHUNK = 64
CHUNK_TIMEOUT_S = 600.0

Push = Callable[[str, Path], None]


class Examination:
    """Asks one loaded model."""

    def __init__(
        self,
        session: RunnerSession,
        loaded: Loaded,
        clock: Clock,
        cancel: CancelToken,
    ) -> None:
        self._session, self._loaded = session, loaded
        self._clock, self._cancel = clock, cancel

    def run(
        self, task_for: TaskFor, inputs: InputFactory, push: Push, tell: Callable[[str], None]
    ) -> Score:
        """The figures of the model's answers.

        Values go in and come out as real numbers: quantized tensors are converted by their scale
        and zero point. Raises CatalogueError where the data do not fit the model.
        """
        specs = tensor_specs(self._loaded.inputs)
        task = task_for(specs)
        digests = []
        for array in stored_inputs(specs, task.feeds):
            digest, path = inputs.keep(array)
            push(digest, path)
            path.unlink()  # datasets are large, and the device has it
            digests.append(digest)
        outputs = []
        for answer in self._answers(tuple(digests), len(task)):
            outputs.append(answer)
            tell(f"{len(outputs)} of {len(task)} samples")
        return score(outputs, task)

    def _answers(self, digests: tuple[str, ...], count: int) -> Iterator[list[Any]]:
        specs = tensor_specs(self._loaded.outputs)
        for first in range(0, count, CHUNK):
            message = Infer(digests, first, min(first + CHUNK, count))
            deadline = Deadline(self._clock, CHUNK_TIMEOUT_S)
            for packet in self._session.infer(message, deadline, self._cancel):
                yield real_outputs(specs, outputs_of(packet, self._loaded))
