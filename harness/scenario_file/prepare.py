"""The key ``prepare``: settings of phones while a run measures."""

from __future__ import annotations

from typing import get_args

from harness.scenario import Prepare, Start
from harness.scenario_file.kinds import Choice, Flag, Number
from harness.scenario_file.structures import Key, Record

PREPARE = Record(
    Prepare,
    {
        "brightness_percent": Key(Number(0, 100), "brightness of the screen, not automatic"),
        "refresh_hz": Key(Number(1, 1000), "refresh rate of the screen, pinned"),
        "stay_awake": Key(Flag(), "the screen stays on while a trial runs (true on phones)"),
        "animations": Key(Flag(), "animations of the system (false on phones)"),
        "airplane": Key(Flag(), "airplane mode; kept off where adb comes over Wi-Fi"),
        "wifi": Key(Flag(), "Wi-Fi; kept on where adb comes over it"),
        "bluetooth": Key(Flag(), "Bluetooth"),
        "fixed_performance": Key(Flag(), "Android's fixed-performance mode, where it is supported"),
        "doze_exempt": Key(Flag(), "the runner is exempt from the system's power saving"),
        "compile": Key(Flag(), "the runner is compiled ahead of time before the first trial"),
        "dark_between": Key(Flag(), "the screen is off between trials"),
        "start": Key(
            Choice(get_args(Start)),
            "how the runner starts; activity for reported numbers; by_hand on iPhones",
        ),
    },
)
