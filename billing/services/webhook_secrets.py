"""Which webhook secret of a profile has proved itself, and when: the only test of a secret that means anything.

Whether Stripe signs with a secret, Stripe alone can show. So the last event that each secret fitted is noted, for
whoever enters or rolls one. A secret is known here by a part of its hash.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from billing.gateway import secrets_of
from billing.models import MerchantProfile
from config.kit.locks import locked

NOTED: Final = timedelta(minutes=1)
"""So often a process writes down that a secret fits; a storm of events costs no more."""
_noted: dict[tuple[int, str], float] = {}


@dataclass(frozen=True, slots=True)
class Proof:
    """One secret of a profile by its place, the newest first, and when an event last fitted it; None: never yet."""

    place: int
    last_at: datetime | None


def mark_of(secret: str) -> str:
    """What a secret is noted under."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


def secrets_note(*, merchant_id: int, fitted: Iterable[str], known: Sequence[str], at: datetime) -> None:
    """Note that an event fitted these secrets of a profile's `known` ones; those that are gone are forgotten."""
    marks = [mark_of(secret) for secret in fitted]
    clock = time.monotonic()
    due = [mark for mark in marks if _noted.get((merchant_id, mark), float("-inf")) <= clock]
    if not due:
        return
    for mark in due:  # first, so that of many at once one writes it; should that fail, the next minute does
        _noted[merchant_id, mark] = clock + NOTED.total_seconds()
    kept = {mark_of(secret) for secret in known}
    with transaction.atomic():
        row = locked(MerchantProfile.objects.filter(pk=merchant_id)).first()
        if row is None:
            return
        seen = {mark: text for mark, text in row.secrets_seen.items() if mark in kept}
        row.secrets_seen = seen | dict.fromkeys(marks, at.isoformat())
        row.save(update_fields=["secrets_seen"])


def notes_forget() -> None:
    """Write the next event of each secret down at once."""
    _noted.clear()


def secrets_proven(merchant: MerchantProfile) -> list[Proof]:
    """When each secret of a profile, or of the settings where it has none, was last fitted by an event.

    Raises SealingKeyMissing (503).
    """
    seen = [merchant.secrets_seen.get(mark_of(secret)) for secret in secrets_of(merchant)]
    return [
        Proof(place, datetime.fromisoformat(text) if text else None)
        for place, text in enumerate(seen, start=1)
    ]
