"""Opening a TFLite file for the quantizer: with a signature, and its layers by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from harness.models.convert import ConvertError
from harness.models.convert.inspect_tflite import CONVERTERS, WEIGHTED
from harness.models.convert.job import Layer

SIGNATURE = "serving_default"


class TfliteFile:
    """A model's graph as far as a quantizer needs it."""

    def __init__(self, path: Path) -> None:
        self.model = flatbuffer_utils.read_model(str(path))
        for code in self.model.operatorCodes:
            # Older files have the first field only, which the quantizer does not read: it would
            # take every operator for an ADD and leave the model as it was without a word.
            code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
        self.graph = self.model.subgraphs[0]

    def with_signature(self, target: Path) -> str:
        """Write the file with a signature, which calibration needs; returns the signature's name.

        Older files have none; the new one names inputs and outputs after their tensors.
        """
        if not self.model.signatureDefs:
            entry = schema.SignatureDefT()
            entry.signatureKey, entry.subgraphIndex = SIGNATURE, 0
            entry.inputs = [self._named(index) for index in self.graph.inputs]
            entry.outputs = [self._named(index) for index in self.graph.outputs]
            self.model.signatureDefs = [entry]
        flatbuffer_utils.write_model(self.model, str(target))
        return _text(self.model.signatureDefs[0].signatureKey)

    def input_names(self) -> dict[str, str]:
        """Tensor names of the inputs to what the signature calls them."""
        entries = {item.tensorIndex: item.name for item in self.model.signatureDefs[0].inputs}
        return {
            _text(self.graph.tensors[index].name): _text(entries[index])
            for index in self.graph.inputs
        }

    def layers(self) -> tuple[Layer, ...]:
        """The layers in the order they run, each named after its first output."""
        found = []
        for operator in self.graph.operators:
            kind = str(flatbuffer_utils.opcode_to_name(self.model, operator.opcodeIndex))
            if kind not in CONVERTERS:
                name = _text(self.graph.tensors[operator.outputs[0]].name)
                found.append(Layer(name, kind, self._is_weighted(kind, operator)))
        return tuple(found)

    def check_float(self) -> None:
        """Raise :class:`ConvertError` when a quantizer has been at work already."""
        few = [
            _text(tensor.name)
            for tensor in self.graph.tensors
            if tensor.quantization is not None
            and tensor.quantization.scale is not None
            and len(tensor.quantization.scale)
        ]
        if few:
            raise ConvertError(
                f"the model is quantized already ({len(few)} tensors, such as {few[0]!r}); "
                "give its float32 original"
            )

    def _is_weighted(self, kind: str, operator: Any) -> bool:
        places = [p for p in WEIGHTED.get(kind, ()) if p < len(operator.inputs)]
        return any(self._is_stored(int(operator.inputs[place])) for place in places)

    def _is_stored(self, index: int) -> bool:
        if index < 0:
            return False
        data = self.model.buffers[self.graph.tensors[index].buffer].data
        return data is not None and len(data) > 0

    def _named(self, index: int) -> Any:
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = _text(self.graph.tensors[index].name), int(index)
        return entry


def _text(name: Any) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name or "")
