"""Reads of addresses that are not written to."""

from __future__ import annotations

from django.db.models import QuerySet

from notifications.domain.suppressing import blocks
from notifications.models import Suppression


def suppressions_in_force(address: str) -> QuerySet[Suppression]:
    """What stands against an address now, oldest first; any case of letters."""
    return Suppression.objects.filter(address=address.lower(), lifted_at__isnull=True).order_by("id")


def suppression_of(address: str, stream: str) -> Suppression | None:
    """The suppression that stops a mail of this stream to this address, None when it may go."""
    found = (row for row in suppressions_in_force(address))
    return next((r for r in found if blocks(reason=r.reason, suppressed=r.stream, stream=stream)), None)


def is_unsubscribed(address: str, stream: str) -> bool:
    """Has the recipient asked for no more of this stream?"""
    asked = suppressions_in_force(address).filter(reason=Suppression.Reason.UNSUBSCRIBE)
    return asked.filter(stream__in=("", stream)).exists()
