"""The numbers a trial can have, by name: what each means and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One number a trial can have: its stored name ends in the stored unit."""

    name: str
    title: str
    better: Literal["lower", "higher", "neither"]


_METRICS = (
    Metric("latency_p50_ns", "latency p50", "lower"),
    Metric("latency_p50_all_ns", "latency p50 with disturbed blocks", "neither"),
    Metric("latency_p90_ns", "latency p90", "lower"),
    Metric("latency_p95_ns", "latency p95", "lower"),
    Metric("latency_p99_ns", "latency p99", "lower"),
    Metric("latency_min_ns", "latency min", "lower"),
    Metric("latency_max_ns", "latency max", "lower"),
    Metric("latency_mean_ns", "latency mean", "lower"),
    Metric("latency_std_ns", "latency std", "lower"),
    Metric("input_p50_ns", "input copy p50", "lower"),
    Metric("invoke_p50_ns", "invoke p50", "lower"),
    Metric("output_p50_ns", "output copy p50", "lower"),
    Metric("inferences", "timed inferences", "neither"),
    Metric("throughput_per_s", "throughput", "higher"),
    Metric("cpu_per_inference_ns", "CPU time per inference", "lower"),
    Metric("cpu_percent", "runner CPU", "lower"),
    Metric("foreign_cpu_percent", "CPU of everyone else", "lower"),
    Metric("import_ns", "engine import", "lower"),
    Metric("load_ns", "model load", "lower"),
    Metric("prepare_ns", "preparation", "lower"),
    Metric("first_ns", "first inference", "lower"),
    Metric("cold_start_ns", "process start to first result", "lower"),
    Metric("warmup_ns", "warm-up", "neither"),
    Metric("warmup_inferences", "warm-up inferences", "neither"),
    Metric("rss_peak_bytes", "peak RSS", "lower"),
    Metric("rss_steady_bytes", "steady RSS", "lower"),
    Metric("pss_steady_bytes", "steady PSS", "lower"),
    Metric("peak_p50_ns", "latency p50 of the first minute", "lower"),
    Metric("late_p50_ns", "latency p50 of the last five minutes", "lower"),
    Metric("stability_percent", "worst minute's speed of the best one's", "higher"),
    Metric("throttle_events", "slow stretches", "lower"),
    Metric("throttle_onset_ns", "time to throttle", "higher"),
    Metric("repeated_blocks", "blocks measured again", "neither"),
    Metric("repeated_percent", "share of blocks measured again", "neither"),
    Metric("dropped_frames", "dropped frames", "lower"),
    Metric("dropped_percent", "dropped", "lower"),
    Metric("energy_gross_j", "energy per inference, gross", "lower"),
    Metric("energy_net_j", "energy per inference, net of idle", "lower"),
    Metric("energy_peak_j", "energy per inference of the first minute, gross", "lower"),
    Metric("energy_late_j", "energy per inference of the last five minutes, gross", "lower"),
    Metric("power_mean_w", "power while running", "lower"),
    Metric("power_idle_w", "power at idle", "lower"),
    Metric("accuracy_top1", "top-1", "higher"),
    Metric("accuracy_top5", "top-5", "higher"),
    Metric("accuracy_f1", "F1 macro", "higher"),
    Metric("accuracy_perplexity", "perplexity", "lower"),
    Metric("operators_ns", "time in operators, with the profiler on", "neither"),
    Metric("size_bytes", "model size", "lower"),
)

#: Every metric by its stored name, in the order tables show them.
METRICS: dict[str, Metric] = {metric.name: metric for metric in _METRICS}
