"""``am``, ``cmd activity`` and ``dumpsys activity``: starting the runner, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from phones.android.answers import Answer, refused, said
from phones.android.clock_text import stamp

if TYPE_CHECKING:
    from phones.android.framework import Framework

_EXTRAS = ("-e", "--es", "--ei", "--el", "--ef", "--ez", "--eu")
_VALUED = ("-a", "-c", "-t", "-d", "-f", "-p", "--user", "--windowingMode", "--display")
_ACTIVITY = "org.benchfarm.runner.app.RunnerActivity"
_INSTRUMENTATION = "org.benchfarm.runner.app.RunnerInstrumentation"


@dataclass
class Intent:
    """The arguments of ``am start`` and its like."""

    component: str = ""
    extras: dict[str, str] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    rest: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, words: list[str]) -> Intent:
        """Read them in any order."""
        intent, left = cls(), list(words)
        while left:
            word = left.pop(0)
            if word == "-n" and left:
                intent.component = left.pop(0)
            elif word in _EXTRAS and len(left) > 1:
                key = left.pop(0)
                intent.extras[key] = left.pop(0)
            elif word in _VALUED and left:
                left.pop(0)
            elif word.startswith("-"):
                intent.flags.add(word)
            else:
                intent.rest.append(word)
        intent.component = intent.component or (intent.rest[-1] if intent.rest else "")
        return intent

    @property
    def package(self) -> str:
        """The component's package."""
        return self.component.partition("/")[0]

    @property
    def class_name(self) -> str:
        """The component's class, in full."""
        name = self.component.partition("/")[2]
        return self.package + name if name.startswith(".") else name


async def command(phone: Framework, words: list[str]) -> Answer:
    """``am ...``."""
    match words:
        case ["start" | "start-activity", *rest]:
            return await _start(phone, Intent.parse(rest))
        case ["instrument", *rest]:
            return await _instrument(phone, Intent.parse(rest))
        case ["force-stop", *rest] if rest:
            await phone.stop_package(rest[-1], "force stop", by_user=True)
            return Answer()
        case ["kill" | "kill-all", *_]:
            return Answer()  # only background processes, and ours is in front
        case ["get-current-user"]:
            return said("0")
        case ["broadcast", *rest]:
            action = rest[rest.index("-a") + 1] if "-a" in rest[:-1] else ""
            return said(
                f"Broadcasting: Intent {{ act={action} flg=0x400000 }}\n"
                "Broadcast completed: result=0"
            )
        case ["set-debug-app" | "clear-debug-app" | "set-standby-bucket" | "idle-maintenance", *_]:
            return Answer()
        case _:
            phone.unexpected("am " + " ".join(words))
            return refused("Unknown command: " + " ".join(words))


async def _start(phone: Framework, intent: Intent) -> Answer:
    head = (
        f"Starting: Intent {{ cmp={_short(intent)} {'(has extras) ' if intent.extras else ''}}}\n"
    )
    if "-S" in intent.flags:
        await phone.stop_package(intent.package, "start -S", by_user=True)
        head = f"Stopping: {intent.package}\n{head}"
    if intent.package not in phone.state.packages or intent.class_name != _ACTIVITY:
        return Answer(
            out=head + "Error type 3\n",
            err=f"Error: Activity class {{{intent.package}/{intent.class_name}}} does not exist.\n",
            code=1,
        )
    if phone.runner_of(intent.package) is not None:
        phone.come_to_front(intent.component)
        return said(
            head + "Warning: Activity not started, its current task has been brought to the front"
        )
    await phone.start_runner(intent.package, "activity", intent.extras)
    phone.come_to_front(f"{intent.package}/{intent.class_name}")
    if "-W" not in intent.flags:
        return said(head)
    return said(
        f"{head}Status: ok\nLaunchState: COLD\nActivity: {intent.package}/{intent.class_name}\n"
        "TotalTime: 187\nWaitTime: 192\nComplete"
    )


def _short(intent: Intent) -> str:
    return f"{intent.package}/{intent.class_name.removeprefix(intent.package)}"


async def _instrument(phone: Framework, intent: Intent) -> Answer:
    if intent.package not in phone.state.packages or intent.class_name != _INSTRUMENTATION:
        return Answer(
            out="INSTRUMENTATION_STATUS: id=ActivityManagerService\n"
            "INSTRUMENTATION_STATUS: Error=Unable to find instrumentation info for: "
            f"ComponentInfo{{{intent.component}}}\nINSTRUMENTATION_STATUS_CODE: -1\n",
            err=f"android.util.AndroidException: INSTRUMENTATION_FAILED: {intent.component}\n",
            code=1,
        )
    runner = await phone.start_runner(intent.package, "instrumentation", intent.extras)
    if "-w" not in intent.flags:
        return Answer()
    ended = await runner.ended()
    if ended == 0:
        return said("INSTRUMENTATION_CODE: -1")
    return said("INSTRUMENTATION_RESULT: shortMsg=Process crashed.\nINSTRUMENTATION_CODE: 0")


def dump(phone: Framework, words: list[str]) -> Answer:
    """``dumpsys activity exit-info|activities|top|processes``."""
    match words:
        case ["exit-info", *names]:
            return said(_exit_info(phone, names[0] if names else ""))
        case ["activities" | "top" | "recents", *_]:
            front = phone.state.switches.foreground
            return said(
                "ACTIVITY MANAGER ACTIVITIES (dumpsys activity activities)\n"
                f"  topResumedActivity=ActivityRecord{{8d7f2b1 u0 {front} t42}}\n"
                f"  mResumedActivity: ActivityRecord{{8d7f2b1 u0 {front} t42}}"
            )
        case ["processes" | "p" | "oom" | "lru", *_]:
            lines = [f"  PID #{r.pid}: ProcessRecord{{0 {r.pid}:{r.start.package}/u0a234}}\n"
                     for r in phone.runners()]  # fmt: skip
            return said("ACTIVITY MANAGER RUNNING PROCESSES\n" + "".join(lines))
        case _:
            phone.unexpected("dumpsys activity " + " ".join(words))
            return said("")


def _exit_info(phone: Framework, package: str) -> str:
    lines = ["ACTIVITY MANAGER PROCESS EXIT INFO (dumpsys activity exit-info)"]
    if phone.profile.sdk < 30:
        return "Bad activity command, or no activities match: exit-info"
    exits = [ended for ended in reversed(phone.state.exits) if package in ("", ended.package)]
    for number, ended in enumerate(exits):
        if number == 0:
            lines += [f"  package: {ended.package}",
                      f"    Historical Process Exit for uid={ended.uid}"]  # fmt: skip
        lines += [
            f"        ApplicationExitInfo #{number}:",
            (
                f"          timestamp={stamp(ended.at)} pid={ended.pid} realUid={ended.uid} "
                f"packageUid={ended.uid} definingUid={ended.uid} user=0 process={ended.package} "
                f"reason={ended.reason} ({ended.reason_name}) subreason=0 (UNKNOWN) "
                f"status={ended.status} importance=100 pss=0.00 rss=412MB "
                f"description={ended.description or 'null'} state=empty trace=null"
            ),
        ]
    return "\n".join(lines)
