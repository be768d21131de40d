"""Exit codes: the only place where an error becomes a line on the terminal and a number.

0 good; 1 an exceeded limit or a confirmed slowdown; 2 the user's mistake; 3 no device matched;
4 measurements incomplete; 70 a mistake of ours, told with its traceback; 130 interrupted.
"""

from __future__ import annotations

import sys
import traceback

import click

from harness.errors import HarnessError

EXIT_LIMIT_EXCEEDED = 1
EXIT_WORSE = 1
EXIT_USAGE = 2
EXIT_INCOMPLETE = 4
EXIT_OUR_MISTAKE = 70  #: as in sysexits.h; Python's own 1 would be a slowdown
EXIT_INTERRUPTED = 130


def run_and_exit(command: click.Command) -> None:
    """Run the command line and exit with its code; what we raise on purpose is one line."""
    try:
        code = command.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = EXIT_USAGE
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        code = EXIT_INTERRUPTED
    except HarnessError as error:
        _say(f"error: {error}")
        code = error.exit_code
    except SystemExit as error:
        # Click ends so where nobody reads on (`benchfarm runs list | head`); here 1 means a limit.
        if error.code != 1:
            raise
        code = 0
    except Exception:  # noqa: BLE001  whatever it is, it is no verdict
        traceback.print_exc()
        code = EXIT_OUR_MISTAKE
    sys.exit(code)


def _say(text: str) -> None:
    click.echo(" ".join(text.splitlines()), err=True)
