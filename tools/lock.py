"""One set-up at a time. Standard library only; reads on Python 3.7 and newer."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

from tools.common import say

WAIT_SECONDS = 0.2


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[int | None]:
    """Hold the lock file while the block runs; wait first, and say so, where another process holds it.

    The operating system drops the lock with its process, so a killed command leaves nothing to clean up. Yields the
    file descriptor: a child that inherits it holds the lock too (None on file systems without locks).
    """
    with path.open("a+b") as file:
        waiting = False
        while True:
            try:
                held = _try_lock(file.fileno())
            except OSError as error:
                if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                    raise
                say("This file system has no locks: do not start a second set-up before this one ends.")
                yield None
                return
            if held:
                break
            if not waiting:
                say("Another course.py is setting up the environment in this folder: waiting for it.")
                waiting = True
            time.sleep(WAIT_SECONDS)
        yield file.fileno()


if os.name == "nt":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EDEADLK):
                return False
            raise
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
