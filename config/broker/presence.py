"""Which of the processes that share a file are still there, told by the kernel.

Every session locks one byte of a common file for as long as its process lives. The kernel drops the
lock however the process ends, SIGKILL included, so there is no process number that could be reused,
no clock that could jump and no lease that a long task or a sleeping laptop could outlive. Such locks
belong to the process and are not inherited over fork. They end when *any* descriptor of the file is
closed in the process, so nothing else may open it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Presence:
    """A descriptor of the common file; at most one per process and file."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def hold(self, session: int) -> bool:
        """Lock the byte of `session` for this process; False when another process has it."""
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, session)
        except OSError:
            return False
        return True

    def is_gone(self, session: int) -> bool:
        """Whether no process holds `session`. Never ask about a session of this very process."""
        if not self.hold(session):
            return False
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, session)
        return True

    def close(self) -> None:
        """Let go of every session of this process."""
        os.close(self._descriptor)
