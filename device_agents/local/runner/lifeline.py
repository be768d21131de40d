"""The runner must not outlive the process that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


class Lifeline:
    """Bound to the parent process ``parent``; 0 for a runner somebody started by hand.

    On Linux the kernel kills the runner when the thread that started it ends, which is why
    ``launch`` starts all runners from one thread that lives as long as the host process. Elsewhere
    the runner looks for itself, between blocks.
    """

    def __init__(self, parent: int) -> None:
        self._parent = parent
        if parent and sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    @property
    def cut(self) -> bool:
        """Whether the parent is gone (also if it went before we asked the kernel)."""
        return self._parent != 0 and os.getppid() != self._parent
