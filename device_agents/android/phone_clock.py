"""The phone's uptime on this host's monotonic clock.

Telemetry carries the phone's own times (``/proc/uptime``, in hundredths of a second). A question
and its answer bound the difference of the two clocks from both sides; several of them bound it
well below the resolution of either. The clocks drift apart by tens of parts per million, so the
bounds are found anew from time to time.
"""

from __future__ import annotations

from device_agents.android.parse.text import uptime_s
from device_agents.android.phone import Phone
from harness.clock import CancelToken, Deadline
from harness.units import NS_PER_S

_ASK = "read u r </proc/uptime; echo $u"
_QUESTIONS = 4
_RESOLUTION_NS = NS_PER_S // 100
#: 100 ppm of drift is 6 ms in this time.
_FRESH_NS = 60 * NS_PER_S


class PhoneClock:
    """Host monotonic time = phone uptime + ``offset_ns``, within ``error_ns``."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._asked_at_ns: int | None = None
        self.offset_ns = 0
        self.error_ns = 0

    def refresh(self, deadline: Deadline, cancel: CancelToken) -> None:
        """Compare the clocks if the last comparison is old."""
        now_ns = self._phone.clock.monotonic_ns()
        if self._asked_at_ns is not None and now_ns - self._asked_at_ns < _FRESH_NS:
            return
        low, high = None, None
        for _ in range(_QUESTIONS):
            sent_ns = self._phone.clock.monotonic_ns()
            up_s = uptime_s(self._phone.run(_ASK, deadline, cancel).text.strip())
            heard_ns = self._phone.clock.monotonic_ns()
            if up_s is None:
                continue
            phone_ns = round(up_s * NS_PER_S)
            # It was read between the two; what was read is cut to a hundredth of a second.
            least, most = sent_ns - phone_ns - _RESOLUTION_NS, heard_ns - phone_ns
            low = least if low is None else max(low, least)
            high = most if high is None else min(high, most)
        if low is not None and high is not None:
            self.offset_ns, self.error_ns = (low + high) // 2, abs(high - low) // 2
            self._asked_at_ns = now_ns

    def host_ns(self, up_s: float) -> int:
        """Host monotonic time of a phone's uptime."""
        return round(up_s * NS_PER_S) + self.offset_ns
