"""``python -m device_agents.local.runner``: one trial's process.

::

    --store DIR          pushed files, named by their SHA-256
    --spool DIR          where samples wait that the host has not acknowledged
    --spool-limit BYTES  for the files in it (optional)
    --lasting yes        the spool outlives the process, as an app's must (optional)
    --fd N               talk over this inherited socket, or
    --announce N         listen on loopback TCP and write the port to this descriptor

The one-time token comes in the environment (``BENCHFARM_TOKEN``), never in the arguments, which
every user of the machine can read. ``BENCHFARM_PARENT`` is the process whose end ends this one,
``BENCHFARM_SPAWNED_AT_NS`` the monotonic time at which it started us. Imports are few on purpose:
start-up counts into a cold start.
"""

from __future__ import annotations

import faulthandler
import os
import socket
import sys
import time
from pathlib import Path

from device_agents.local.runner.door import Door
from device_agents.local.runner.files import Store
from device_agents.local.runner.lifeline import Lifeline
from device_agents.local.runner.service import Service
from device_agents.local.runner.spool import DISK_LIMIT_BYTES, Spool
from harness import __version__
from harness.wire.messages import Scalar


def main(arguments: list[str]) -> None:
    """Serve one host until bye, then end the process."""
    faulthandler.enable()  # a crashing engine leaves a trace in the log
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    token = os.environ.pop("BENCHFARM_TOKEN")
    lifeline = Lifeline(int(os.environ.pop("BENCHFARM_PARENT", "0")))
    started_ns = int(os.environ.pop("BENCHFARM_SPAWNED_AT_NS", "0")) or time.perf_counter_ns()
    limit = int(options.get("--spool-limit", DISK_LIMIT_BYTES))
    lasting = options.get("--lasting") == "yes"
    spool = Spool(Path(options["--spool"]), limit, lasting=lasting)
    if "--fd" in options:
        door = Door(token, spool, _facts(), link=socket.socket(fileno=int(options["--fd"])))
    else:
        door = Door(token, spool, _facts(), listener=_listen(int(options["--announce"])))
    Service(door, spool, Store(Path(options["--store"])), lifeline, started_ns).serve()
    sys.stdout.flush()
    os._exit(0)  # tearing engines down takes time and has been seen to crash


def _listen(announce: int) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0))
    os.write(announce, f"{listener.getsockname()[1]}\n".encode())
    os.close(announce)
    return listener


def _facts() -> dict[str, Scalar]:
    return {
        "runner": "local",
        "version": __version__,
        "language": f"{sys.implementation.name} {sys.version.split()[0]}",
        "pid": os.getpid(),
        "clock": "CLOCK_MONOTONIC",
    }


if __name__ == "__main__":
    main(sys.argv[1:])
