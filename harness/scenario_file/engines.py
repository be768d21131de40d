"""What the harness knows about engines before it asks one: their delegates and their options.

Only what is true of every release is here. Whether a device's own engine build really takes a
delegate or an option is the runner's to say (``BackendRejected``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

OptionValues = tuple[str | bool, ...]

_SWITCH: OptionValues = (True, False)

#: The option that every engine has where the system lets a process choose its cores.
AFFINITY = "affinity"
_WITHOUT_AFFINITY = ("ios",)
#: Platforms whose devices can measure with the cable out.
DETACHABLE = ("android", "ios")
#: The option of delegates on phones that trade speed for power.
POWER_MODE = "power_mode"
#: The names are the delegates' own; the first is what the library does by itself.
POWER_MODES: dict[tuple[str, str], OptionValues] = {
    ("tflite", "gpu"): ("fast-single-answer", "sustained-speed"),
    ("tflite", "nnapi"): (
        *("library-default", "fast-single-answer", "sustained-speed", "low-power"),
    ),
    ("onnxruntime", "qnn"): (
        *("library-default", "burst", "sustained-high-performance", "high-performance"),
        *("balanced", "low-balanced", "high-power-saver", "power-saver", "low-power-saver"),
        "extreme-power-saver",
    ),
}


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine.

    ``delegates`` exist for it at all, by the platform on which they do; ``cpu`` is the engine's
    default path on the processor, whatever kernels that uses. ``options`` are the values of each
    engine option.
    """

    delegates: dict[str, tuple[str, ...]]
    options: dict[str, OptionValues]


#: Platforms are the first part of a device id: ``local``, ``android:SERIAL``, ``ios:UDID``.
ENGINES: dict[str, Engine] = {
    "tflite": Engine(
        delegates={
            "local": ("cpu", "xnnpack"),
            "android": ("cpu", "xnnpack", "gpu", "nnapi", "qnn"),
            "ios": ("cpu", "xnnpack", "gpu", "coreml"),
        },
        options={"xnnpack": _SWITCH, "load": ("mmap", "buffer")},
    ),
    "onnxruntime": Engine(
        delegates={
            "local": ("cpu",),
            "android": ("cpu", "xnnpack", "nnapi", "qnn"),
            "ios": ("cpu", "xnnpack", "coreml"),
        },
        options={
            "load": ("file", "buffer"),
            "graph_optimization": ("disable", "basic", "extended", "all"),
            "allow_spinning": _SWITCH,
        },
    ),
    # What Core ML may use; where it then runs is its own decision.
    "coreml": Engine(
        delegates={"ios": ("all", "cpuOnly", "cpuAndGPU", "cpuAndNeuralEngine")}, options={}
    ),
}


def _union(several: Iterable[Iterable[str | bool]]) -> OptionValues:
    return tuple(dict.fromkeys(value for values in several for value in values))


#: Every delegate of any engine.
DELEGATES: tuple[str, ...] = tuple(
    str(name) for name in _union(_union(e.delegates.values()) for e in ENGINES.values())
)

#: Every power mode of any delegate.
ALL_POWER_MODES: tuple[str, ...] = tuple(str(name) for name in _union(POWER_MODES.values()))

#: Every option of any engine, with all values that it takes for any of them.
OPTIONS: dict[str, OptionValues] = {
    name: _union(engine.options.get(name, ()) for engine in ENGINES.values())
    for name in dict.fromkeys(name for engine in ENGINES.values() for name in engine.options)
}


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
    if delegate == "xnnpack" and options.get("xnnpack") is False:
        return "xnnpack: false contradicts the delegate xnnpack"
    if AFFINITY in options and platform in _WITHOUT_AFFINITY:
        return f"{platform} does not let a program choose its cores"
    return _power_mode_obstacle(engine, delegate, options) or _option_obstacle(engine, options)


def _power_mode_obstacle(engine: str, delegate: str, options: Mapping[str, object]) -> str | None:
    modes = POWER_MODES.get((engine, delegate), ())
    if POWER_MODE not in options or options[POWER_MODE] in modes:
        return None
    there_are = f"there are {', '.join(map(str, modes))}" if modes else "it has none"
    return f"{engine} {delegate} has no power mode {options[POWER_MODE]}; {there_are}"


def _option_obstacle(engine: str, options: Mapping[str, object]) -> str | None:
    known = ENGINES[engine].options
    for name, value in options.items():
        if name in (AFFINITY, POWER_MODE):
            continue
        if name not in known:
            return f"{engine} has no option {name}"
        if value not in known[name]:
            values = " and ".join(str(one) for one in known[name])
            return f"{engine} has no {name}: {value}, only {values}"
    return None
