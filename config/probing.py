"""Looks at things that may not answer: each look has an end, whatever the thing does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class NoAnswer(Exception):
    """The thing looked at did not answer in time."""


class _Look(threading.Thread):
    """One look in a thread of its own."""

    def __init__(self, name: str, look: Callable[[], Any]) -> None:
        super().__init__(name=f"look-{name}", daemon=True)
        self.look = look
        self.value: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.value = self.look()
        except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
            self.error = error


_looks: dict[str, _Look] = {}
_lock = threading.Lock()


def within(seconds: float, name: str, look: Callable[[], T]) -> T:
    """Return what `look` returns, or raise NoAnswer after `seconds`; what it raises comes through.

    Whoever asks under the same `name` while a look is under way shares its answer, so that a server that
    hangs costs one thread, not one for each question. `look` must not use the database: a connection
    belongs to its thread.
    """
    with _lock:
        thread = _looks.get(name)
        if thread is None or not thread.is_alive():
            thread = _looks[name] = _Look(name, look)
            thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise NoAnswer(f"no answer in {seconds:g} s")
    if thread.error is not None:
        raise thread.error
    value: T = thread.value
    return value
