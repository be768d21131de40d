"""A port of a USB hub that can be switched off, by the program ``uhubctl``."""

from __future__ import annotations

import re
import shutil
import subprocess

_TIMEOUT_S = 20.0
_PLACE = re.compile(r"([0-9]+(?:-[0-9]+(?:\.[0-9]+)*)?)[-.]([0-9]+)")


class HubPort:
    """The port at ``place``: ``1-4.2`` is port 2 of the hub at 1-4, as the kernel names them."""

    def __init__(self, place: str) -> None:
        self.place = place

    def problem(self) -> str | None:
        """Why it cannot be switched; None where it can."""
        return self._call()

    def switch(self, *, on: bool) -> str | None:
        """Give power or take it away; why that was not done, None when it was."""
        return self._call("-a", "on" if on else "off")

    def _call(self, *action: str) -> str | None:
        place = _PLACE.fullmatch(self.place)
        if place is None:
            return f"{self.place!r} is no hub port such as 1-4.2"
        program = shutil.which("uhubctl")
        if program is None:
            return "uhubctl is not installed"
        command = [program, "-l", place[1], "-p", place[2], *action]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"uhubctl: {error}"
        if done.returncode == 0:
            return None
        said = (done.stderr or done.stdout).strip().splitlines()[:1] or ["no output"]
        return f"uhubctl ended with {done.returncode}: {said[0][:200]}"
