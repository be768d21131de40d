"""Making model files: the only room that imports converters and quantizers.

This module holds the tables of what can be made and imports nothing heavy, so that the catalogue
can check names. The work itself runs in a process of its own: see ``harness.models.convert``'s
``__main__``.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Raised by one whenever a change here changes the bytes of a built file: old builds stay in the
#: cache under their digest, and the recipe is built anew.
RECIPE_REVISION = 3


@dataclass(frozen=True, slots=True)
class Builder:
    """A network that can be constructed: where its module is and which numbers shape it.

    ``inputs`` and ``outputs`` hold the rank of each tensor, batch included. The module has one
    function ``build(spec: NetworkSpec) -> Network``.
    """

    module: str
    parameters: tuple[str, ...]
    inputs: tuple[int, ...] = (4,)
    outputs: tuple[int, ...] = (2,)
    teachable: bool = False  #: whether it can learn from a larger network (``distil``)


_TRANSFORMER = ("layers", "width", "heads", "vocabulary", "window")

BUILDERS: dict[str, Builder] = {
    "mobilenet_v2": Builder("harness.models.convert.mobilenet_v2", ("width",)),
    "resnet50": Builder("harness.models.convert.resnet50", ("width",)),
    "bert": Builder("harness.models.convert.bert", _TRANSFORMER, inputs=(2, 2)),
    "decoder": Builder(
        "harness.models.convert.decoder", _TRANSFORMER, inputs=(2, 2, 2, 5, 5), outputs=(2, 5, 5)
    ),
    "digits_cnn": Builder(
        "harness.models.convert.digits_cnn", ("channels", "epochs"), teachable=True
    ),
}


class ConvertError(Exception):
    """A file could not be made or is not what it should be; the message is one line."""
