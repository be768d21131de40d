"""What a file must be before it may be called by its precision.

A claim is about the weights that layers multiply with, and about how the layers compute. Each check
raises :class:`CatalogueError` with what was found instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import CatalogueError
from harness.models.agreement import Agreement
from harness.models.inspection import Inspection, Weight, bits_of, counted, is_integer
from harness.models.methods import METHODS, MIXED
from harness.units import format_percent

FP32, FP16 = "fp32", "fp16"
PRECISIONS = (FP32, FP16, "int8", "int4", "int2", MIXED)
LOW_AGREEMENT = "LOW-AGREEMENT"

#: Share of the layers' weights, counted as numbers, that must have the type that is claimed.
_MIN_SHARE = 0.9
#: The same below 8 bits, where no tool has kernels for depthwise convolutions.
_MIN_SHARE_FEW_BITS = 0.8
#: Below this least cosine the file carries the finding LOW-AGREEMENT.
_LOW_COSINE = 0.9
_FLOAT_TYPES = {FP32: "float32", FP16: "float16"}
_KINDS = {"static": ("integer",), "dynamic": ("dynamic", "integer")}


@dataclass(frozen=True, slots=True)
class Claim:
    """``precision`` is one of PRECISIONS; ``activations`` is a method's, None if nobody says.

    ``layers`` names the method of each layer with weights, where they differ.
    """

    precision: str
    activations: str | None = None
    layers: Mapping[str, str] | None = None


def claim_of(precision: str, method: str, layers: Mapping[str, str] | None = None) -> Claim:
    """What a method promises about a file of that precision."""
    return Claim(precision, METHODS[method].activations, layers if method == MIXED else None)


def check_precision_name(precision: str) -> None:
    """Raise :class:`CatalogueError` for a precision that nothing can be checked against."""
    if precision not in PRECISIONS:
        raise CatalogueError(
            f"the precision {precision!r} cannot be proven; use one of {', '.join(PRECISIONS)}"
        )


def precision_found(inspection: Inspection) -> str:
    """What a file of unknown making can be called: the narrowest claim that holds."""
    for precision in ("int2", "int4", "int8", FP16, FP32):
        try:
            check_file(Claim(precision), inspection)
        except CatalogueError:
            continue
        return precision
    return MIXED


def check_file(claim: Claim, inspection: Inspection) -> None:
    """The file is what it is called."""
    check_precision_name(claim.precision)
    if not inspection.layer_weights():
        raise CatalogueError(
            "no layer of the file multiplies with stored weights; nothing to prove"
        )
    if claim.layers is not None:
        _check_layers(claim.layers, inspection)
    elif claim.precision in _FLOAT_TYPES:
        _check_float(claim.precision, inspection)
    elif claim.precision != MIXED:
        _check_integers(claim, inspection)


def check_outputs(claim: Claim, figures: Agreement) -> tuple[str, ...]:
    """The file still computes its model; returns findings for one that does so badly.

    Dead outputs are refused from 8 bits up; below that they are what too few bits lead to.
    """
    few_bits = claim.precision in ("int4", "int2", MIXED)
    if not figures.alive and not few_bits:
        raise CatalogueError("the outputs hardly change with the input; the original's do")
    return (LOW_AGREEMENT,) if figures.cosine_min < _LOW_COSINE else ()


def _check_float(precision: str, inspection: Inspection) -> None:
    wanted = _FLOAT_TYPES[precision]
    share = inspection.share_of_type(wanted)
    if share < _MIN_SHARE:
        raise CatalogueError(
            f"only {format_percent(share)} of the weights are {wanted}: {_types(inspection)}"
        )


def _check_integers(claim: Claim, inspection: Inspection) -> None:
    bits = bits_of(claim.precision)
    share = inspection.share_of_bits(bits)
    least = _MIN_SHARE if bits >= 8 else _MIN_SHARE_FEW_BITS
    if share < least:
        raise CatalogueError(
            f"only {format_percent(share)} of the weights have {bits} bits or fewer "
            f"({_types(inspection)}); the tool left the rest as it was"
        )
    kinds = _KINDS.get(claim.activations or "")
    if kinds is None:
        return
    how = {operator.name: operator.kind for operator in inspection.operators}
    weights = inspection.layer_weights()
    others = [weight for weight in weights if how.get(weight.layer) not in kinds]
    left = sum(weight.elements for weight in others) / sum(weight.elements for weight in weights)
    if left > 1 - least:
        found = ", ".join(
            f"{count} {name}" for name, count in counted(w.operator for w in others).items()
        )
        raise CatalogueError(f"layers do not compute in integers as claimed: {found}")


def _check_layers(layers: Mapping[str, str], inspection: Inspection) -> None:
    """Each layer's weights have at most the bits of the layer's method."""
    wrong = []
    for weight in inspection.layer_weights():
        layer = _planned(weight, layers)
        method = METHODS.get(layers.get(layer, ""))
        if method is not None and not _fits(weight.dtype, method.weights):
            wrong.append(f"{layer} ({weight.dtype}, not {method.weights})")
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise CatalogueError(
            f"layers are not what the policy says: {', '.join(wrong[:3])}{more}; "
            "the tool has no such kernel, give them another method"
        )


def _planned(weight: Weight, layers: Mapping[str, str]) -> str:
    """The layer of the plan that reads a weight; tools add to the names of what they replace."""
    fitting = [name for name in layers if weight.layer.startswith(name)]
    return max(fitting, key=len, default="")


def _fits(dtype: str, wanted: str) -> bool:
    if is_integer(wanted):
        return is_integer(dtype) and bits_of(dtype) <= bits_of(wanted)
    return dtype == wanted


def _types(inspection: Inspection) -> str:
    weights = inspection.layer_weights()
    return ", ".join(f"{n} {kind}" for kind, n in counted(w.dtype for w in weights).items())
