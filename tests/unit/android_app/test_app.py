"""The app shell's own tests: Robolectric, with the framework's real classes, on this JVM."""

from __future__ import annotations

import re
import subprocess

import pytest

from android_app.build import app_tests
from android_app.build.errors import ArtefactUnavailable, ToolMissing

FEWEST = 20


def test_the_app_shell():
    try:
        command = app_tests.command()
    except (ToolMissing, ArtefactUnavailable) as error:
        pytest.skip(f"the app's tests need a JDK, Maven and the pinned artefacts: {error}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (count,) = re.findall(r"OK \((\d+) tests\)", done.stdout)
    assert int(count) >= FEWEST
