"""A fixed small piece of processor work on the phone, timed before and after a trial.

A loop of the phone's shell is timed by the shell itself, on the last core that it may use (cores
are numbered from the slowest kind to the fastest), the least of many times: they last long enough
together for the governor to raise the clock. The core is told as well, because phones move shells
to other cores with the screen; times on two kinds of core say nothing about heat.
"""

from __future__ import annotations

from device_agents.android.parse.text import integer, number, printable
from device_agents.android.phone import Phone
from harness import channels
from harness.clock import CancelToken, Deadline
from harness.record import DeviceState
from harness.units import NS_PER_S

_TIMES = 30
#: A few milliseconds on a fast core.
_LOOP = f"""n=0
while [ $n -lt {_TIMES} ]; do
  i=0; a=$EPOCHREALTIME
  while [ $i -lt 4000 ]; do i=$((i+1)); done
  echo "$a|$EPOCHREALTIME"; n=$((n+1))
done"""
_SCRIPT = f"""(
for p in ro.benchfarm.simulated ro.boot.qemu ro.kernel.qemu; do
  [ "$(getprop $p)" = 1 ] && echo virtual && exit
done
while read k v; do [ "$k" = Cpus_allowed_list: ] && c=${{v##*[-,]}}; done </proc/self/status
echo "core|$c"
taskset $(printf %x $((1<<c))) sh -c '{_LOOP}' 2>&1
)"""
_VIRTUAL = "a virtual phone's speed changes with its host's"


class Canary:
    """Times the loop on one phone; one that turns out to be virtual is asked only once."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._is_virtual = False

    def read(self, deadline: Deadline, cancel: CancelToken) -> DeviceState:
        """``canary_ns`` and ``canary_core``, or the reason; meant to take 0.1 to 0.5 s."""
        if self._is_virtual:
            return canary_from("virtual")
        state = canary_from(self._phone.run(_SCRIPT, deadline, cancel, check=False).text)
        self._is_virtual = state.unavailable.get(channels.CANARY) == _VIRTUAL
        return state


def canary_from(output: str) -> DeviceState:
    """What the script's output says."""
    lines = output.splitlines()
    if lines[:1] == ["virtual"]:
        return DeviceState(unavailable={channels.CANARY: _VIRTUAL})
    core, times_s = None, []
    for line in lines:
        before, _, after = line.partition("|")
        begun_s, ended_s = number(before), number(after)
        if before == "core":
            core = integer(after)
        elif begun_s is not None and ended_s is not None:
            times_s.append(ended_s - begun_s)
    if core is None or len(times_s) != _TIMES or min(times_s) <= 0:
        said = next((line for line in lines if "|" not in line), "no times")
        why = f"the phone's shell could not time a loop on one core: {printable(said)}"
        return DeviceState(unavailable={channels.CANARY: why})
    return DeviceState(
        {channels.CANARY: min(times_s) * NS_PER_S, channels.CANARY_CORE: float(core)}
    )
