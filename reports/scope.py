"""Which numbers a finding casts doubt on, so that marks stand where they belong."""

from __future__ import annotations

from collections.abc import Iterable

_SPEED = (
    "latency_",
    "peak_p50_",
    "late_p50_",
    "invoke_",
    "input_",
    "output_",
    "throughput_",
    "cpu_per_inference_",
)
_STARTUP = ("import_", "load_", "prepare_", "first_", "cold_start_", "warmup_")

#: Metric prefixes by finding ID. An ID that is not here concerns every number.
_SCOPES: dict[str, tuple[str, ...]] = {
    "TAIL-UNSUPPORTED": ("latency_p90_", "latency_p95_", "latency_p99_"),
    "OUTLIERS": ("latency_p99_", "latency_max_", "latency_mean_", "latency_std_"),
    "FEW-SAMPLES": _SPEED,
    "SHORT-RUN": _SPEED,
    "WARMUP-CAPPED": _SPEED,
    "NOT-STEADY": _SPEED,
    "DRIFT": _SPEED,
    "INTERFERENCE": (*_SPEED, *_STARTUP),
    "CPU-STARVED": (*_SPEED, *_STARTUP),
    "GOVERNOR-NOT-FIXED": (*_SPEED, *_STARTUP),
    "GATE-TIMEOUT": (*_SPEED, *_STARTUP),
    "UNTRUSTED-CLOCK": (*_SPEED, *_STARTUP),
    "DROPPED-FRAMES": ("latency_", "throughput_", "dropped_"),
    "POWER-INTEGRITY": ("energy_", "power_"),
    "ENERGY-UNCERTAIN": ("energy_", "power_"),
    "ENERGY-REFUSED": ("energy_", "power_"),
    "SHORT-MEMORY-WAIT": ("rss_steady_", "pss_steady_"),
}

#: Findings about the model file: marked on its name, since speed and size stand.
_ABOUT_THE_MODEL = frozenset({"SYNTHETIC-MODEL", "RANDOM-CALIBRATION"})


def concerns_model(finding_id: str) -> bool:
    """Whether the finding belongs on the model's name and not on numbers."""
    return finding_id in _ABOUT_THE_MODEL


def concerns(finding_id: str, metric: str, seen: Iterable[str]) -> bool:
    """Whether the finding casts doubt on ``metric``.

    A finding about percentiles that names the ones it means (``p99``) concerns only those.
    """
    if concerns_model(finding_id) or metric == "size_bytes":
        return False
    prefixes = _SCOPES.get(finding_id)
    if prefixes is None:
        return True
    if finding_id == "TAIL-UNSUPPORTED":
        text = " ".join(seen)
        named = tuple(prefix for prefix in prefixes if prefix.split("_")[1] in text)
        prefixes = named or prefixes
    return metric.startswith(prefixes)
