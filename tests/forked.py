"""Children of the test process: cheap to start, as all is imported, and real enough to be killed."""

from __future__ import annotations

import os
import signal
import traceback
import warnings
from collections.abc import Callable, Sequence


def fork(work: Callable[[], None]) -> int:
    """Do the work in a child and exit with 0, or 1 if it raises. Returns the child's process id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads may hold locks; the work takes none of theirs
        child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def fork_until_killed(work: Callable[[], str]) -> tuple[int, str]:
    """Do the work in a child that then waits to be killed. Returns its process id and what the work gave."""
    reading, writing = os.pipe()

    def work_and_wait() -> None:
        os.write(writing, work().encode())
        signal.pause()

    child = fork(work_and_wait)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        return child, pipe.read1(1000).decode()


def kill(child: int) -> None:
    """Kill -9 a child, and wait until it is dead."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def exit_codes(children: Sequence[int]) -> list[int]:
    """Wait for children to end."""
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
