"""Puts the Android runners into the wheel, under ``device_agents/android/runner_files``.

A wheel without them is built only when it is asked for: ``BENCHFARM_WHEEL=pure``. They are data:
the wheel fits every machine all the same.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PLACE = "device_agents/android/runner_files"


class RunnersHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before a wheel is put together, from a checkout or from an unpacked sdist."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the runners and name them to the builder; ends with one line where that fails."""
        if version == "editable":  # a checkout finds them in build/android
            return
        if os.environ.get("BENCHFARM_WHEEL") == "pure":
            self.app.display_warning(
                "a wheel without Android runners, as BENCHFARM_WHEEL=pure asks"
            )
            return
        sys.path.insert(0, self.root)
        from android_app.build import runners
        from android_app.build.errors import BuildError

        try:
            files = runners.for_wheel()
        except BuildError as error:
            self.app.abort(f"no wheel with Android runners: {error}; or set BENCHFARM_WHEEL=pure")
        build_data["force_include"] |= {str(path): f"{_PLACE}/{path.name}" for path in files}
