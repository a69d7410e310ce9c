"""One base for what the domain refuses."""

from __future__ import annotations


class DomainError(ValueError):
    """A refusal with a stable ``reason`` code and one sentence of ``detail``."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
