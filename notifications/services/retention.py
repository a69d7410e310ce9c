"""Keys leave the mail log with the texts of their license (E34): the reader `mail-retention`."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from config.kit.ids import license_id
from config.kit.locks import locked
from history.domain.kinds import Kind
from history.models import Event
from licenses.models import Issuance, License
from notifications.masking import masked
from notifications.models import Message
from notifications.parts import Parts, parts_seal, parts_unseal

READER = "mail-retention"
KINDS = (Kind.TRIAL_ERASED, Kind.ARTIFACT_ERASED)
ERASED = "••• key erased •••"
BATCH = 100


def follow(event: Event, *, at: datetime) -> None:
    """One event, in the transaction that moves the reader's cursor. Safe to repeat."""
    row = License.objects.by_public_id(event.subject.partition(":")[2]).first()
    if row is not None:
        keys_erase(license_pk=row.pk, until=event.at, at=at)


def keys_erase(*, license_pk: int, until: datetime, at: datetime) -> int:
    """Take the keys out of the mail about a license that was written until an instant; return of how many mails.

    What a mail said besides stays, and so does what became of it. One that still waits is given up: it would
    arrive without what it is about. Raises SealingKeyMissing.
    """
    last = erased = 0
    keys_of = Issuance.objects.filter(license=license_pk)
    digests = frozenset(keys_of.values_list("text_sha256", flat=True))
    rows = Message.objects.filter(_about(license_pk), created_at__lte=until).order_by("pk")
    while keys := list(rows.filter(pk__gt=last).values_list("pk", flat=True)[:BATCH]):
        last = keys[-1]
        with transaction.atomic():
            erased += sum(
                _erase(row, digests, at) for row in locked(Message.objects.filter(pk__in=keys).order_by("pk"))
            )
    return erased


def _about(license_pk: int) -> Q:
    """Mail about a license, and mail that brought its key beside others, as that of a bundle does."""
    uid = License.objects.values_list("uid", flat=True).get(pk=license_pk)
    sent = Event.objects.filter(kind=Kind.LICENSE_SENT, subject=f"license:{license_id(uid)}")
    named = {data["message"] for data in sent.values_list("data", flat=True)}
    return Q(license=license_pk) | Q(uid__in=named)


def _erase(row: Message, digests: frozenset[str], at: datetime) -> bool:
    parts = parts_unseal(bytes(row.parts))
    left = _without_keys(parts, digests)
    if left == parts:
        return False
    row.parts = parts_seal(replace(left, erased=True))
    if row.state == Message.State.QUEUED:
        row.state, row.due_at, row.settled_at = Message.State.FAILED, None, at
        row.error = "Its key was erased before it could be sent."
    row.save(update_fields=["parts", "state", "due_at", "settled_at", "error"])
    return True


def _without_keys(parts: Parts, digests: frozenset[str]) -> Parts:
    """Without the texts of these hashes: keys of other licenses in the same mail stay."""
    gone = [secret for secret in parts.secrets if _sha256(secret.encode()) in digests]
    return replace(
        parts,
        text=masked(parts.text, gone, ERASED),
        html=masked(parts.html, gone, ERASED),
        attachments=tuple(
            item for item in parts.attachments if not (item.secret and _sha256(item.content) in digests)
        ),
        secrets=tuple(secret for secret in parts.secrets if secret not in gone),
    )


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text.strip()).hexdigest()
