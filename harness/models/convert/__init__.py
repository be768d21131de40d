"""Making model files: the only room that imports converters and quantizers.

This module holds the tables of what can be made and imports nothing heavy, so that the catalogue
can check names. The work itself runs in a process of its own: see ``harness.models.convert``'s
``__main__``.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Raised by one whenever a change here changes the bytes of a built file: old builds stay in the
#: cache under their digest, and the recipe is built anew.
RECIPE_REVISION = 1

CONSTRUCT = "construct"
INT8_STATIC = "int8-static"

#: How a variant is made, and what each method does.
METHODS: dict[str, str] = {
    CONSTRUCT: "write the float32 network from its seeded weights",
    INT8_STATIC: "quantize weights per channel and activations per tensor to 8 bit",
}


@dataclass(frozen=True, slots=True)
class Builder:
    """A network that can be constructed: where its module is and which numbers shape it.

    The module has one function ``build(spec: NetworkSpec) -> Network``.
    """

    module: str
    parameters: tuple[str, ...]


BUILDERS: dict[str, Builder] = {
    "mobilenet_v2": Builder("harness.models.convert.mobilenet_v2", ("width",)),
}


class ConvertError(Exception):
    """A file could not be made or is not what it should be; the message is one line."""
