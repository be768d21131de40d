"""Matrices in blocks of few bits for ONNX: MatMulNBits in the place of MatMul."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onnxruntime.quantization.matmul_nbits_quantizer import (
    DefaultWeightOnlyQuantConfig,
    MatMulNBitsQuantizer,
)

from harness.models.convert.job import Call


def apply(model: Any, call: Call, layers: Sequence[str], bits: int) -> Any:
    """The model with the stored matrices of ``layers`` in blocks of ``bits``-bit integers.

    The default algorithm is the only one that honours both ``bits`` and ``accuracy_level``: RTN
    and k-quant stay at 4 bits whatever is asked for, and HQQ's 8-bit files do not run.
    """
    config = DefaultWeightOnlyQuantConfig(
        block_size=call["block_size"],
        is_symmetric=True,
        accuracy_level=call["accuracy_level"],
        bits=bits,
    )
    others = [node.name for node in model.graph.node if node.name not in set(layers)]
    tool = MatMulNBitsQuantizer(model, nodes_to_exclude=others, algo_config=config)
    tool.process()
    return tool.model.model
