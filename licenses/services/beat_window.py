"""Heartbeats of each license in the present hour (C24): counted in memory, summed over all processes by Redis.

The limit must not cost a round trip for each of very many beats. So each process counts by itself and tells
what it counted together with the beats it carries to Redis, whose sums come back: other processes' beats are
known a moment later. While Redis is out, and where there is none, a process goes by its own count.
"""

from __future__ import annotations

import threading
import time
from typing import Any

MOST_NAMES = 200_000
SHARED = "signet:beats:hour:"
_SUM = """
local sums = {}
for i = 1, #ARGV, 2 do sums[#sums + 1] = redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[1], 7200)
return sums
"""


class Hour:
    """The beats of one hour by license: those known of all processes, and those of this one not told yet."""

    def __init__(self, seconds: int = 3600) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._start(0)

    def _start(self, number: int) -> None:
        self._number = number
        self._known: dict[str, int] = {}
        self._untold: dict[str, int] = {}

    def take(self, name: str, most: int) -> int:
        """Count one beat; return 0, or in how many seconds to come again when there were `most` already."""
        now = time.time()
        number = int(now // self._seconds)
        with self._lock:
            if number != self._number:
                self._start(number)
            if self._known.get(name, 0) + self._untold.get(name, 0) >= most:
                return self._seconds - int(now % self._seconds)
            if len(self._untold) >= MOST_NAMES:
                self._untold = {}  # nobody asks for it, and memory has its bound
            self._untold[name] = self._untold.get(name, 0) + 1
        return 0

    def untold(self) -> tuple[int, dict[str, int]]:
        """What this process counted since it was asked last, and in which hour; it counts as known from now on."""
        with self._lock:
            told, self._untold = self._untold, {}
            if len(self._known) > MOST_NAMES:
                self._known = {}  # the sums come back with the next beat of each
            for name, count in told.items():
                self._known[name] = self._known.get(name, 0) + count
            return self._number, told

    def tell(self, pipe: Any, number: int, told: dict[str, int]) -> None:
        """Add the counts to those of the other processes, by a script in a pipeline of Redis."""
        pipe.eval(_SUM, 1, f"{SHARED}{number}", *(word for pair in told.items() for word in pair))

    def told(self, number: int, told: dict[str, int], sums: list[int]) -> None:
        """Take in what Redis answered."""
        with self._lock:
            if number == self._number:
                for name, total in zip(told, sums, strict=True):
                    self._known[name] = max(total, self._known.get(name, 0))

    def forget(self) -> None:
        with self._lock:
            self._start(0)
