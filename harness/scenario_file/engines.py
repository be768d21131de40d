"""What the harness knows about engines before it asks one: their delegates and their options.

Only what is true of every release is here. Whether a device's own engine build really takes a
delegate or an option is the runner's to say (``BackendRejected``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Engine options of a block by name, with the values they take; None means any text.
OPTION_VALUES: dict[str, tuple[str | bool, ...] | None] = {
    "xnnpack": (True, False),
    "load": ("mmap", "buffer"),
    "affinity": None,
}


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine. ``delegates`` exist for it at all, by the platform on which they do.

    ``cpu`` is the engine's default path on the processor, whatever kernels that uses.
    """

    delegates: dict[str, tuple[str, ...]]
    options: tuple[str, ...]


#: Platforms are the first part of a device id: ``local``, ``android:SERIAL``, ``ios:UDID``.
ENGINES: dict[str, Engine] = {
    "tflite": Engine(
        delegates={
            "local": ("cpu", "xnnpack"),
            "android": ("cpu", "xnnpack", "gpu", "nnapi", "qnn"),
            "ios": ("cpu", "xnnpack", "gpu", "coreml"),
        },
        options=("xnnpack", "load", "affinity"),
    ),
    "onnxruntime": Engine(
        delegates={
            "local": ("cpu",),
            "android": ("cpu", "xnnpack", "nnapi", "qnn"),
            "ios": ("cpu", "xnnpack", "coreml"),
        },
        options=("load", "affinity"),
    ),
    "coreml": Engine(delegates={"ios": ("all", "cpu")}, options=()),
}

#: Every delegate of any engine.
DELEGATES: tuple[str, ...] = tuple(
    dict.fromkeys(
        delegate
        for engine in ENGINES.values()
        for names in engine.delegates.values()
        for delegate in names
    )
)


def obstacle(
    platform: str, engine: str, delegate: str, options: Mapping[str, object]
) -> str | None:
    """Why this cannot be measured on a platform; None if nothing is known against it."""
    known = ENGINES[engine]
    if not any(delegate in names for names in known.delegates.values()):
        return f"{engine} has no delegate {delegate}"
    if not known.delegates.get(platform):
        return f"{engine} does not run on this device ({platform})"
    if delegate not in known.delegates[platform]:
        return f"the delegate {delegate} of {engine} is not on this device ({platform})"
    foreign = [name for name in options if name not in known.options]
    if foreign:
        return f"{engine} has no option {foreign[0]}"
    if delegate == "xnnpack" and options.get("xnnpack") is False:
        return "xnnpack: false contradicts the delegate xnnpack"
    return None
