"""What this installation's own license grants, and whether its guard stands in the way (C2 to C9, E27).

Pure: the facts that were found last, and a clock reading. Nothing here maps a tier to an entitlement: a label
is read off what is granted, and no gate reads the label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from licenses.domain.entitlements import Entitlement, Value, narrow


class Tier(StrEnum):
    """The name of what is granted, for people (C3)."""

    CREATOR = "creator"
    PRO = "pro"
    PATRON = "patron"


NEXT_TIER: Final[Mapping[Tier, Tier | None]] = {
    Tier.CREATOR: Tier.PRO,
    Tier.PRO: Tier.PATRON,
    Tier.PATRON: None,
}


class GuardState(StrEnum):
    """Whether the catalogue may be changed: only `invalid` says no (E27)."""

    UNLICENSED = "unlicensed"
    VALID = "valid"
    GRACE = "grace"
    INVALID = "invalid"


class Answer(StrEnum):
    """What a refresh learned about the key (C9). `EXPIRED` is the key's own end, which the clock judges;
    `ENDED` is the master's word that the license cannot be used as it is; `NO_MASTER` that there is none to ask.
    """

    LIVE = "live"
    UNVERIFIED = "unverified"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    ENDED = "ended"
    UNKNOWN = "unknown"
    NO_MASTER = "no_master"
    SOURCE_GONE = "source_gone"
    UNREACHABLE = "unreachable"


FINAL: Final = frozenset({Answer.UNVERIFIED, Answer.REVOKED})
"""What trips the guard at once; anything else first has its grace."""

MASTERS_NO: Final = frozenset({Answer.REVOKED, Answer.SUSPENDED, Answer.ENDED})
"""What only the master can say: the license is not to be used."""

SAYS: Final[Mapping[str, str]] = {
    "": "The license holds.",
    "no_license": "No license is activated here.",
    "expired": "The license has expired.",
    "revoked": "The license was revoked.",
    "suspended": "The license is suspended.",
    "master_silent": "The master has not answered for days; what it said last still counts.",
    "bad_format": "The key is not a license in a known format.",
    "bad_signature": "The key is not signed by a key that the trust root holds.",
    "key_revoked": "The key that signed the license was revoked.",
    "issuer_mismatch": "The license was issued by somebody else.",
    "product_mismatch": "The license is for another product.",
    "not_yet_valid": "The license has not started yet.",
    "fingerprint_mismatch": "The license is bound to the domain of another installation.",
}


@dataclass(frozen=True, slots=True)
class OwnLicense:
    """The facts about our own license as the last refresh left them.

    `signed` is what the key carries. `live` is what the row of the license said last; None: no row is known,
    and the signed set counts (C9). `refused` and `reason` say why nothing is granted, `refused_since` since
    when. `expires_at` and `ends_at` are the signed end, without and with the license's own grace. `heard_at` is
    when the license's row was last heard of, or nobody was to be asked; None where there is nobody to be heard.
    """

    present: bool = False
    signed: Mapping[str, Entitlement] = field(default_factory=dict)
    live: Mapping[str, Entitlement] | None = None
    signed_seats: int = 0
    live_seats: int | None = None
    refused: Answer | None = None
    reason: str = ""
    refused_since: datetime | None = None
    expires_at: datetime | None = None
    ends_at: datetime | None = None
    heard_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What all of that comes to at one instant. `until`: when the grace of the guard ends."""

    guard: GuardState = GuardState.UNLICENSED
    reason: str = "no_license"
    since: datetime | None = None
    until: datetime | None = None
    granted: Mapping[str, Value] = field(default_factory=dict)
    seats: int | None = None

    @property
    def tier(self) -> Tier:
        return tier_of(self.granted)

    def holds(self, slug: str) -> bool:
        """Whether exactly this entitlement is granted; no other implies it (C7)."""
        return slug in self.granted


def tier_of(granted: Mapping[str, Value]) -> Tier:
    """The label of what is granted (C3)."""
    if "patron" in granted:
        return Tier.PATRON
    return Tier.PRO if "unlimited_products" in granted else Tier.CREATOR


def standing(own: OwnLicense, *, at: datetime, guard_grace: timedelta) -> Standing:
    """Judge the facts at an instant.

    A key that does not verify and a revoked license grant nothing and trip the guard at once. An expired or
    suspended one grants nothing either, but its guard stays open for `guard_grace`. In the license's own grace
    and while the master is silent everything goes on, with a warning.
    """
    if not own.present:
        return Standing()
    if own.refused is not None:
        return _refused(own, own.reason, own.refused_since or at, at, guard_grace)
    if own.ends_at is not None and at >= own.ends_at:
        return _refused(own, "expired", own.ends_at, at, guard_grace)
    granted, seats = effective(own, at), effective_seats(own)
    if own.expires_at is not None and at >= own.expires_at:
        return Standing(GuardState.GRACE, "expired", own.expires_at, own.ends_at, granted, seats)
    if own.heard_at is not None and at >= own.heard_at + guard_grace:
        return Standing(GuardState.GRACE, "master_silent", own.heard_at, None, granted, seats)
    return Standing(GuardState.VALID, "", None, None, granted, seats)


def _refused(own: OwnLicense, reason: str, since: datetime, at: datetime, grace: timedelta) -> Standing:
    until, seats = since if own.refused in FINAL else since + grace, effective_seats(own)
    if at < until:
        return Standing(GuardState.GRACE, reason, since, until, seats=seats)
    return Standing(GuardState.INVALID, reason, until, seats=seats)


def effective(own: OwnLicense, at: datetime) -> dict[str, Value]:
    """Row ∩ signed set (C4, C6): the row narrows and never widens. Without a known row, the signed set."""
    return narrow(own.signed if own.live is None else own.live, own.signed, at)


def effective_seats(own: OwnLicense) -> int | None:
    """The smaller of both numbers of seats, where 0 is no limit; None: unlimited (E26)."""
    numbers = [seats for seats in (own.signed_seats, own.live_seats) if seats]
    return min(numbers, default=None)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a refresh brought: the row's entitlements and seats come with `LIVE` alone."""

    answer: Answer
    reason: str = ""
    live: Mapping[str, Entitlement] | None = None
    seats: int | None = None


def refreshed(own: OwnLicense, heard: Heard, *, at: datetime) -> OwnLicense:
    """The facts after a refresh (C9). Whatever is not known for certain leaves them as they were.

    A revocation stays until the row is live again: who forgot the license by now has not taken it back, nor does
    a key that does not verify in between. Any answer but `UNVERIFIED` means that the key verifies, so an earlier
    doubt about it is over.
    """
    if own.refused is Answer.UNVERIFIED and heard.answer not in {Answer.UNVERIFIED, Answer.SOURCE_GONE}:
        own = _cleared(own)
    if _stays(own, heard):
        return own
    match heard.answer:
        case Answer.LIVE:
            return replace(_cleared(own), live=dict(heard.live or {}), live_seats=heard.seats, heard_at=at)
        case Answer.UNKNOWN:
            return replace(_cleared(own), live=None, live_seats=None, heard_at=at)
        case Answer.NO_MASTER:
            return replace(own, heard_at=at)
        case Answer.UNVERIFIED | Answer.REVOKED | Answer.SUSPENDED | Answer.ENDED:
            same = own.refused is heard.answer and own.refused_since is not None
            since = own.refused_since if same else at
            return replace(own, refused=heard.answer, reason=heard.reason, refused_since=since)
    return own


def _stays(own: OwnLicense, heard: Heard) -> bool:
    """Whether the master's own no outlasts what was heard now."""
    if own.refused is Answer.REVOKED:
        return heard.answer not in {Answer.LIVE, Answer.REVOKED}
    return own.refused in MASTERS_NO and heard.answer is Answer.UNVERIFIED


def _cleared(own: OwnLicense) -> OwnLicense:
    return replace(own, refused=None, reason="", refused_since=None)
