"""A license mailed to its customer by staff."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from config.kit.locks import locked
from history.domain.kinds import Kind
from history.services import record
from licenses.domain.enums import Format, KeyState, LicenseStatus
from licenses.errors import ArtifactNotKept, LicenseRevoked, LicenseSuspended
from licenses.models import Issuance, License
from licenses.services.artifacts import artifact_filename, artifact_text
from notifications.domain.headers import UnfitHeader, check_address
from notifications.errors import KeyOutOfDate, NothingToSend, UnfitMessage
from notifications.models import Message, Stream
from notifications.parts import Attachment
from notifications.services.messages import message_queue

TEMPLATE = "license_delivery"
LONGEST_NOTE = 2000


@dataclass(frozen=True, slots=True)
class LicenseMail:
    """The mail, and whether this call made it or found it made before."""

    message: Message
    is_new: bool


def license_send(
    *,
    license: License,  # noqa: A002 - the word of the vocabulary
    to: str,
    message: str = "",
    actor: str,
    at: datetime,
) -> LicenseMail:
    """Mail the newest kept key of a license, in the text and as a file, with a word of staff's own.

    The same key with the same words goes to an address once; asking again gives the mail that is there.
    Raises LicenseRevoked, LicenseSuspended, NothingToSend, ArtifactNotKept, KeyOutOfDate, UnfitMessage.
    """
    note = _note(message)
    try:
        to = check_address(to.strip())
    except UnfitHeader as error:
        raise UnfitMessage("to", str(error)) from error
    with transaction.atomic():
        row = locked(License.objects.with_relations()).get(pk=license.pk)
        issuance = license_issuance_to_send(license=row)
        key = _dedupe_key(row, issuance, to, note)
        known = Message.objects.filter(dedupe_key=key).first()
        if known is not None:
            return LicenseMail(known, is_new=False)
        sent = _queue(row, issuance, to=to, note=note, key=key, actor=actor, at=at)
        record(
            kind=Kind.LICENSE_SENT,
            subject=f"license:{row.public_id}",
            account=row.account.customer_id,
            actor=actor,
            data={"jti": issuance.jti_text, "message": str(sent.uid), "note_given": bool(note)},
            at=at,
        )
    return LicenseMail(sent, is_new=True)


def license_issuance_to_send(*, license: License) -> Issuance:  # noqa: A002 - as above
    """The key that a mail would carry. Raises what stands in the way, in a sentence for staff."""
    if license.status == LicenseStatus.REVOKED:
        raise LicenseRevoked
    if license.status == LicenseStatus.SUSPENDED:
        raise LicenseSuspended
    rows = license.issuances.select_related("signing_key").order_by("-id")
    newest = rows.first()
    if newest is None:
        raise NothingToSend
    kept = rows.filter(artifact__isnull=False).first()
    if kept is None:
        raise ArtifactNotKept("No key of this license was kept. Issue one that is, then it can be mailed.")
    if kept.signing_key.state == KeyState.REVOKED:
        raise KeyOutOfDate("The signing key of the newest kept key was revoked. Issue a new one first.")
    if rows.filter(pk__gt=kept.pk).exclude(cause=Issuance.Cause.ISSUE).exists():
        raise KeyOutOfDate
    kept.license = license
    return kept


def _queue(
    row: License, issuance: Issuance, *, to: str, note: str, key: str, actor: str, at: datetime
) -> Message:
    text = artifact_text(issuance=issuance, actor=actor, at=at)
    filename = f"{artifact_filename(issuance).rpartition('.')[0]}.lic"
    return message_queue(
        template=TEMPLATE,
        to=to,
        context=license_context(row, issuance, text=text, filename=filename, note=note),
        stream=Stream.TRANSACTIONAL,
        dedupe_key=key,
        account=row.account,
        license=row,
        # of no kind that a mail program would change a line end of: these are the bytes that were signed (E23)
        attachments=[Attachment(filename, "application/octet-stream", text.encode(), secret=True)],
        secrets=[text.strip()],
        actor=actor,
        at=at,
    )


def license_context(
    row: License, issuance: Issuance, *, text: str, filename: str, note: str = ""
) -> dict[str, Any]:
    """What the template `license_delivery` tells."""
    names = {
        "seats": row.product.seat_label,
        "nodes": "nodes",
        "machines": "machines",
        "collectors": "collectors",
    }
    limits = [
        (called.capitalize(), f"{getattr(row, name):,}")
        for name, called in names.items()
        if getattr(row, name)
    ]
    return {
        "account": row.account.name,
        "product": row.product.name,
        "plan": row.plan.name,
        "edition": row.edition,
        "kind": row.kind,
        "license_id": row.public_id,
        "starts_at": row.starts_at,
        "expires_at": issuance.expires_at,
        "limits": limits,
        "key": text.strip(),
        "format": str(Format(issuance.format)),
        "filename": filename,
        "note": note,
        "keys_url": f"{settings.BASE_URL}/.well-known/jwks.json",
    }


def _note(text: str) -> str:
    """Staff's own words: lines stay lines, control characters go."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept = ["".join(char for char in line if char.isprintable() or char == "\t") for line in lines]
    return "\n".join(kept).strip()[:LONGEST_NOTE]


def _dedupe_key(row: License, issuance: Issuance, to: str, note: str) -> str:
    said = hashlib.sha256(f"{to.lower()}\n{note}".encode("utf-8", "replace")).hexdigest()[:32]
    return f"license:{row.public_id}:{issuance.jti_text}:{said}"
