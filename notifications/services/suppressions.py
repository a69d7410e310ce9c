"""Addresses that are not written to: added by reports and recipients, lifted by staff or by the recipient."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from config.kit.locks import locked
from history.domain.kinds import Kind
from history.services import record
from notifications.domain.headers import UnfitHeader, check_address, one_line
from notifications.errors import ReasonMissing, SuppressionLifted, UnfitMessage
from notifications.models import Message, Suppression

LONGEST_REASON = 500


def suppression_add(
    *,
    address: str,
    reason: Suppression.Reason,
    stream: str = "",
    message: Message | None = None,
    actor: str,
    at: datetime,
) -> Suppression:
    """Stop mail to an address, in one stream or (empty) in all. Returns the one in force when there is one.

    The history tells reason and stream, never the address. Raises UnfitMessage.
    """
    try:
        address = check_address(address.strip()).lower()
    except UnfitHeader as error:
        raise UnfitMessage("address", str(error)) from error
    row = Suppression(
        address=address, stream=stream, reason=reason, message=message, created_by=actor, created_at=at
    )
    with transaction.atomic():
        known = _in_force(row)
        if known is not None:
            return known
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:  # somebody else did in this moment
            known = _in_force(row)
            if known is None:
                raise
            return known
        _tell(Kind.SUPPRESSION_ADDED, row, actor=actor, at=at)
    return row


def _in_force(row: Suppression) -> Suppression | None:
    found = Suppression.objects.filter(
        address=row.address, stream=row.stream, reason=row.reason, lifted_at__isnull=True
    )
    return locked(found).first()


def suppression_lift(*, suppression: Suppression, reason: str, actor: str, at: datetime) -> Suppression:
    """Allow mail to the address again. Raises ReasonMissing, and SuppressionLifted when it was lifted before."""
    said = one_line(reason)[:LONGEST_REASON]
    if not said:
        raise ReasonMissing
    with transaction.atomic():
        row = locked(Suppression.objects.filter(pk=suppression.pk)).get()
        if row.lifted_at is not None:
            raise SuppressionLifted
        row.lifted_at, row.lifted_by, row.lifted_reason = at, actor, said
        row.save(update_fields=["lifted_at", "lifted_by", "lifted_reason"])
        _tell(Kind.SUPPRESSION_LIFTED, row, actor=actor, at=at)
    return row


def _tell(kind: Kind, row: Suppression, *, actor: str, at: datetime) -> None:
    message = row.message
    account = message.account if message else None
    record(
        kind=kind,
        subject=f"suppression:{row.pk}",
        account=account.customer_id if account else "",
        actor=actor,
        data={
            "reason": row.reason,
            "stream": row.stream or "all",
            **({"message": str(message.uid)} if message else {}),
        },
        at=at,
    )
