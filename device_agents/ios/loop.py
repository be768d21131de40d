"""One event loop in one thread for all iPhones, with a synchronous face.

pymobiledevice3 is asynchronous throughout and its objects belong to one loop; waits of its own know
no end. Every call here has a deadline and a cancel token.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from device_agents.ios.errors import translated
from harness.clock import CancelToken, Deadline
from harness.errors import DeviceTimeout

#: A cancellation is noticed within this time; a result wakes us at once.
SLICE_S = 0.1

T = TypeVar("T")


class EventLoop:
    """A daemon thread, started on first use and again in a forked child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop."""
        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                self._loop, self._pid = asyncio.new_event_loop(), os.getpid()
                # What a broken connection leaves behind in the library is no news to a user.
                self._loop.set_exception_handler(lambda _loop, _context: None)
                logging.getLogger("pymobiledevice3").setLevel(logging.CRITICAL)
                threading.Thread(target=self._loop.run_forever, name="iphones", daemon=True).start()
            return self._loop

    def call(
        self,
        make: Callable[[], Coroutine[Any, Any, T]],
        device_id: str,
        what: str,
        deadline: Deadline,
        cancel: CancelToken,
    ) -> T:
        """Run a coroutine to its end.

        Raises DeviceTimeout, Cancelled, or our error for whatever it raises; what was under way is
        cancelled before. ``what`` completes "cannot ...".
        """
        cancel.raise_if_cancelled()
        future = asyncio.run_coroutine_threadsafe(make(), self.loop)
        try:
            return self._wait(future, device_id, what, deadline, cancel)
        except BaseException:
            future.cancel()
            raise

    def _wait(
        self,
        future: Future[T],
        device_id: str,
        what: str,
        deadline: Deadline,
        cancel: CancelToken,
    ) -> T:
        while True:
            remaining_s = deadline.remaining_s
            try:
                return future.result(min(remaining_s, SLICE_S))
            except TimeoutError as error:
                if future.done():  # the coroutine's own
                    raise translated(error, device_id, what) from error
            except CancelledError as error:
                raise translated(ConnectionError("cancelled"), device_id, what) from error
            except Exception as error:
                raise translated(error, device_id, what) from error
            cancel.raise_if_cancelled()
            if deadline.expired:
                raise DeviceTimeout(
                    device_id, f"the phone did not answer within {deadline.seconds:g} s ({what})"
                )


LOOP = EventLoop()
