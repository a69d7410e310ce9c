"""A lane for each key: what belongs to one key is done one after the other, different keys side by side.

Work that waits for somebody else's machine runs here and not in a worker's own processes, of which there are
few: however long one key takes, neither the others nor any other task wait for it. Nothing is kept here but
keys; what is to be done stands in rows, and is found again when a process dies.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import structlog
from django.db import connections

log = structlog.get_logger(__name__)


class Lanes:
    """Threads of this process that do `work(key)`, at most `width` at once and one at a time for a key.

    They begin with the first key and end, with their database connections, when nothing is left.
    """

    def __init__(self, work: Callable[[int], None], *, width: int) -> None:
        self._work = work
        self._width = width
        self._changed = threading.Condition()
        self._waiting: deque[int] = deque()
        self._busy: set[int] = set()
        self._again: set[int] = set()
        self._threads = 0
        self._stopped = False

    @property
    def stopped(self) -> bool:
        return self._stopped

    def start(self, key: int) -> None:
        """Have the key's work done: soon, or once more when it is under way."""
        with self._changed:
            if self._stopped:
                return
            if key in self._busy:
                self._again.add(key)
                return
            self._busy.add(key)
            self._waiting.append(key)
            if self._threads < self._width:
                self._threads += 1
                threading.Thread(target=self._run, name=f"lane-{self._threads}", daemon=True).start()

    def stop(self, *, seconds: float) -> bool:
        """Take nothing new and wait for what is under way, so long at most; True when all of it ended."""
        with self._changed:
            self._stopped = True
            self._waiting.clear()
            self._again.clear()
        return self.rest(seconds=seconds)

    def rest(self, *, seconds: float) -> bool:
        """Wait until nothing is under way, so long at most."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._threads, timeout=seconds)

    def _run(self) -> None:
        try:
            while (key := self._next()) is not None:
                self._do(key)
        finally:
            connections.close_all()
            with self._changed:
                self._threads -= 1
                self._changed.notify_all()

    def _next(self) -> int | None:
        with self._changed:
            return self._waiting.popleft() if self._waiting else None

    def _do(self, key: int) -> None:
        try:
            self._work(key)
        except Exception:
            log.exception("lane_failed", key=key)  # the rows are as they were: the next sweep finds them
        with self._changed:
            if key in self._again:
                self._again.discard(key)
                self._waiting.append(key)  # behind the others
            else:
                self._busy.discard(key)
