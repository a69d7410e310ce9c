"""What is configured, reachable and healthy: one function for each part, one table of parts (E5).

A part reports a state and a sentence; it never shows a secret. Adding a part is adding a function here
or in `config.doctor_parts` and a line in `PARTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class State(StrEnum):
    OK = "ok"
    EMBEDDED = "embedded"
    """Works, by what this product brings along instead of a server of its own."""
    OFF = "off"
    """Left out on purpose, by SIGNET_WITHOUT."""
    NOT_CONFIGURED = "not configured"
    """Not set, and in development not needed."""
    MISSING = "missing"
    FAILING = "failing"


BAD = frozenset({State.MISSING, State.FAILING})


@dataclass(frozen=True, slots=True)
class Finding:
    """What is the matter with a part. `variable` is the setting that changes it, `hint` what to do."""

    state: State
    detail: str
    variable: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A part and what was found."""

    part: str
    finding: Finding

    @property
    def is_bad(self) -> bool:
        return self.finding.state in BAD

    def document(self) -> dict[str, str]:
        found = self.finding
        members = {"part": self.part, "state": str(found.state), "detail": found.detail}
        return members | {k: v for k, v in (("variable", found.variable), ("hint", found.hint)) if v}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """The circumstances of an examination. `online` allows calls to paid services on the internet."""

    at: datetime
    production: bool
    without: frozenset[str] = frozenset()
    online: bool = False

    def unset(self, variable: str, detail: str, *, part: str = "") -> Finding:
        """The finding about a setting that is empty: off, not configured or missing, as it applies."""
        if part and part in self.without:
            return Finding(State.OFF, f"left out by SIGNET_WITHOUT={part}")
        if part and not self.production:
            return Finding(State.NOT_CONFIGURED, detail, variable, f"Production needs {variable}.")
        leave = f", or list {part} in SIGNET_WITHOUT" if part else ""
        return Finding(State.MISSING, detail, variable, f"Set {variable}{leave}.")


Check = Callable[[Visit], Finding]


def examine(visit: Visit, parts: Iterable[tuple[str, Check]]) -> Iterator[Report]:
    """Yield one report for each part, in order. A check that breaks is a failing part, not the end."""
    for name, check in parts:
        yield Report(name, _look(check, visit))


def _look(check: Check, visit: Visit) -> Finding:
    try:
        return check(visit)
    except Exception as error:  # noqa: BLE001 - a broken part must not hide the others
        return Finding(State.FAILING, _sentence(error))


def _sentence(error: BaseException) -> str:
    from config.redaction import redact_text

    text = str(error).strip().splitlines()
    return redact_text(f"{type(error).__name__}: {text[0]}" if text else type(error).__name__)


def table(reports: list[Report]) -> str:
    """Return the reports as an aligned table, with the hints below their rows."""
    width = max((len(report.part) for report in reports), default=0)
    states = max((len(report.finding.state) for report in reports), default=0)
    lines = []
    for report in reports:
        found = report.finding
        lines.append(f"{report.part:<{width}}  {found.state:<{states}}  {found.detail}")
        if found.hint:
            lines.append(f"{'':<{width}}  {'':<{states}}  -> {found.hint}")
    bad = [report.part for report in reports if report.is_bad]
    lines.append("")
    lines.append(f"{len(bad)} of {len(reports)} need attention: {', '.join(bad)}." if bad else "All is well.")
    return "\n".join(lines)


def document(reports: list[Report]) -> dict[str, Any]:
    """Return the reports for machines: `ok` and one object for each part."""
    return {
        "ok": not any(report.is_bad for report in reports),
        "parts": [report.document() for report in reports],
    }
