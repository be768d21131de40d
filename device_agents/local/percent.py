"""How far a file has come, for people."""

from __future__ import annotations

from collections.abc import Callable


class Percent:
    """Takes bytes, says ``40 %`` to whoever wants to see it, once per percent."""

    def __init__(self, tell: Callable[[str], None] = lambda _text: None) -> None:
        self._tell = tell
        self._shown = -1

    def __call__(self, sent: int, total: int) -> None:
        """So many bytes of so many are sent."""
        percent = 100 * sent // total if total else 100
        if percent != self._shown:
            self._shown = percent
            self._tell(f"{percent} %")
