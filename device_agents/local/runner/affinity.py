"""Holding the runner to some processor cores: the load option ``affinity``, for every engine."""

from __future__ import annotations

import os
from dataclasses import replace

from device_agents.local.runner.refusal import Refused
from harness.wire.messages import LoadModel, Scalar

OPTION = "affinity"


class Affinity:
    """The cores this process may use; ``0,2-3`` names them as Linux does."""

    def __init__(self) -> None:
        self._all = _current()

    def apply(self, request: LoadModel) -> tuple[LoadModel, dict[str, Scalar]]:
        """Hold this process to the cores that a load asks for, or to none in particular.

        Done before the engine is imported, because threads inherit it. Returns the request without
        the option, and what to record.
        """
        options = dict(request.options)
        wanted = options.pop(OPTION, None)
        if wanted is None:
            _hold(self._all)
            return request, {}
        if not self._all:
            raise Refused("option-rejected", "this system does not let a process choose its cores")
        _hold(self._chosen(str(wanted)))
        return replace(request, options=options), {OPTION: str(wanted)}

    def _chosen(self, text: str) -> frozenset[int]:
        try:
            cores = cores_of(text)
        except ValueError:
            raise Refused("option-rejected", f"affinity is like 0,2-3, not {text!r}") from None
        if not cores <= self._all:
            there = ",".join(map(str, sorted(self._all)))
            raise Refused("option-rejected", f"affinity {text}: this runner may use cores {there}")
        return cores


def cores_of(text: str) -> frozenset[int]:
    """The cores of a list such as ``0,2-3``; ValueError for anything else."""
    cores: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        span = range(int(first), int(last if dash else first) + 1)
        if not span:
            raise ValueError(part)
        cores.update(span)
    return frozenset(cores)


def _current() -> frozenset[int]:
    """Empty where the system has no such thing (macOS)."""
    return frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()


def _hold(cores: frozenset[int]) -> None:
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
