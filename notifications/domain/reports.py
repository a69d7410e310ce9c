"""What a provider reports of a message, and what that makes of it. A state only ever moves forward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class Report(StrEnum):
    """Reports that are kept. Openings and clicks are not: nobody here watches what people read."""

    QUEUED = "queued"
    SENT = "sent"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    REJECTED = "rejected"
    FAILED = "failed"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"


LEADS_TO: Final[Mapping[Report, str]] = {
    Report.SENT: "sent",
    Report.DELIVERED: "delivered",
    Report.BOUNCED: "bounced",
    Report.REJECTED: "failed",
    Report.FAILED: "failed",
    Report.COMPLAINED: "complained",
}
# Given up by us and delivered all the same: then it was delivered. Delivered and bounced later: bounced.
RANK: Final[Mapping[str, int]] = {
    "queued": 0, "claimed": 0, "sent": 1, "suppressed": 2, "failed": 2, "delivered": 3, "bounced": 4, "complained": 5,
}  # fmt: skip
SETTLED: Final = frozenset({"delivered", "bounced", "complained", "failed", "suppressed"})


def moved(state: str, report: Report) -> str:
    """The state after a report; the same when the report is older than what is known, or tells no state."""
    later = LEADS_TO.get(report, state)
    return later if RANK[later] > RANK[state] else state


# The providers' own words for "try again another day", which their common form does not keep apart.
_SOFT: Final[Mapping[str, frozenset[str]]] = {
    "Type": frozenset({"SoftBounce"}),  # Postmark
    "bounceType": frozenset({"Transient", "Undetermined"}),  # Amazon SES
    "event": frozenset({"soft_bounce"}),  # Brevo, Mandrill
    "type": frozenset({"soft_bounced", "activity.soft_bounced", "Transient", "Undetermined", "blocked"}),
    "bounce_class": frozenset({"20", "21", "22", "23", "24", "40", "70", "100"}),  # SparkPost
    "hard_bounce": frozenset({"False", "false"}),  # Mailjet
    "severity": frozenset({"temporary"}),  # Mailgun
}
_DEEPEST = 4


def is_soft(raw: Any, depth: int = _DEEPEST) -> bool:
    """Whether a provider's raw report calls its bounce a passing one."""
    if depth == 0:
        return False
    if isinstance(raw, Mapping):
        return any(
            (isinstance(value, str | int | bool) and str(value) in _SOFT.get(str(name), ()))
            or is_soft(value, depth - 1)
            for name, value in raw.items()
        )
    return isinstance(raw, list) and any(is_soft(item, depth - 1) for item in raw)


@dataclass(frozen=True, slots=True)
class Stop:
    """A suppression that a report gives cause for; `every`: for all streams, otherwise for the message's own."""

    reason: str
    every: bool


_BAD_ADDRESS: Final = frozenset({"bounced", "invalid"})
_HARD, _COMPLAINT, _UNSUBSCRIBE = (
    Stop("hard_bounce", every=True),
    Stop("complaint", every=True),
    Stop("unsubscribe", every=False),
)


def stop_for(report: Report, *, reason: str, soft: bool) -> Stop | None:
    """Is the address no longer to be written to? `reason` is why the provider or the receiver refused."""
    if report is Report.COMPLAINED:
        return _COMPLAINT
    if report is Report.UNSUBSCRIBED:
        return _UNSUBSCRIBE
    if report is Report.BOUNCED and reason in _BAD_ADDRESS and not soft:
        return _HARD
    if report is Report.REJECTED:
        # the provider has the address on a list of its own
        return {"bounced": _HARD, "invalid": _HARD, "spam": _COMPLAINT, "unsubscribed": _UNSUBSCRIBE}.get(
            reason
        )
    return None
