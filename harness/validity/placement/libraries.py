"""Are the libraries there without which a delegate cannot work?"""

from __future__ import annotations

from collections.abc import Iterable

from harness.record import PlacementVerdict, Witness

#: File names, by their start, of what a delegate computes with: the vendor's driver or the engine's
#: own plug-in. At least one of them has to be there.
NEEDED: dict[str, tuple[str, ...]] = {
    "qnn": ("libQnnHtp", "libQnnDsp", "libQnnGpu"),
    "nnapi": ("libneuralnetworks",),
    "gpu": ("libOpenCL", "libGLES", "libvulkan", "libtensorflowlite_gpu", "libLiteRt"),
}


def library_witness(delegate: str, present: Iterable[str] | None) -> Witness | None:
    """FELL_BACK where everything the delegate could run on is missing.

    ``present`` are the file names of the libraries that the runner's process has at hand or has
    mapped; None where nobody looked. Presence proves nothing: a library may be there and fail.
    """
    needed = NEEDED.get(delegate)
    if needed is None or present is None:
        return None
    found = sorted(name for name in present if name.startswith(needed))
    if found:
        return Witness("libraries", PlacementVerdict.UNPROVEN, f"there are {', '.join(found)}")
    seen = f"none of {', '.join(f'{name}*' for name in needed)} is there"
    return Witness("libraries", PlacementVerdict.FELL_BACK, seen)
