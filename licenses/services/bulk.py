"""Signing many licenses: batches of one transaction each, a handful of statements a batch, constant memory.

Rows are tuples from the SELECT to the COPY: instances of them would cost a fifth of their signatures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Subquery

from accounts.services.merging import accounts_hold
from config.kit.errors import Refusal
from config.kit.ids import license_id, uuid7
from config.kit.locks import locked
from config.kit.sealing import seal
from config.kit.statements import among, insert_many, insert_rows
from history.services import NewEvent, record_many
from licenses.claims import COLUMNS, ToSign, claims_of
from licenses.domain.enums import Format, KeyState
from licenses.models import Issuance, License, SigningKey
from licenses.models.licenses import LicenseQuerySet
from licenses.services.signing import encode_claims, issuance_facts, key_for, refuse_unless_issuable
from licenses.signers import signer_of

BATCH = 500


class NewIssuance(NamedTuple):
    """An issuance as it goes into its table."""

    license_id: int
    jti: UUID
    format: str
    signing_key_id: int
    text_sha256: str
    claims: str
    issued_at: datetime
    expires_at: datetime | None
    actor: str
    channel: str
    cause: str
    artifact: bytes | None
    supersedes_id: int | None


@dataclass(frozen=True, slots=True)
class Signed:
    """One license of a batch and its committed text."""

    license_id: str
    text: str


@dataclass(slots=True)
class Batch:
    """What became of one batch: the committed texts, and who refused and why, by public id."""

    issued: list[Signed] = field(default_factory=list)
    refused: list[tuple[str, Refusal]] = field(default_factory=list)


def licenses_issue(
    *,
    licenses: LicenseQuerySet,
    format: Format | None = None,  # noqa: A002 - the word of the vocabulary
    persist: bool | None = None,
    replacing: SigningKey | None = None,
    channel: str,
    actor: str,
    at: datetime,
    batch: int = BATCH,
) -> Iterator[Batch]:
    """Sign every license of a queryset, in order of id, yielding after each committed batch.

    A license that refuses (revoked, suspended, ended, unsuitable format) is reported and does not stop the
    others. May be stopped between batches; what was yielded is committed. `replacing` signs anew, in its
    format, only what is still under that key when its lock is held, so that two runs sign nothing twice.
    """
    keep = bool(settings.KEEP_ARTIFACTS if persist is None else persist)
    order = _Order(format, keep, replacing, channel, actor, at)
    after = 0
    while ids := list(licenses.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:batch]):
        after = ids[-1]
        with transaction.atomic():
            done = _issue_batch(ids, order)
        yield done


def licenses_grant(
    *,
    drafts: Sequence[License],
    format: Format | None = None,  # noqa: A002 - the word of the vocabulary
    persist: bool | None = None,
    channel: str,
    actor: str,
    at: datetime,
) -> None:
    """Save drafted licenses with their keys and sign each: all of them or none, in a handful of statements.

    Raises the first refusal of any of them (see `license_issue`), and AccountMerged.
    """
    keep = bool(settings.KEEP_ARTIFACTS if persist is None else persist)
    with transaction.atomic():
        accounts_hold(draft.account for draft in drafts)
        insert_many(drafts)
        keys = dict(License.objects.filter(uid__in=[draft.uid for draft in drafts]).values_list("uid", "pk"))
        for draft in drafts:
            draft.pk = keys[draft.uid]
        record_many(creation_event(draft, actor=actor, at=at) for draft in drafts)
        done = _issue_batch(sorted(keys.values()), _Order(format, keep, None, channel, actor, at))
        for _, refusal in done.refused:
            raise refusal


def creation_event(row: License, *, actor: str, at: datetime) -> NewEvent:
    """What history says of a license that was made among many."""
    return NewEvent(
        kind="license.created",
        subject=f"license:{row.public_id}",
        account=row.account.customer_id,
        actor=actor,
        data={**row.snapshot(), "origin": str(row.origin)},
        at=at,
    )


@dataclass(frozen=True, slots=True)
class _Order:
    """What is asked of every license of a run."""

    format: Format | None
    keep: bool
    replacing: SigningKey | None
    channel: str
    actor: str
    at: datetime

    @property
    def cause(self) -> str:
        return (Issuance.Cause.REISSUE if self.replacing else Issuance.Cause.ISSUE).value

    @property
    def kind(self) -> str:
        return "license.reissued" if self.replacing else "license.issued"


def _issue_batch(ids: list[int], order: _Order) -> Batch:
    rows = locked(License.objects.filter(pk__in=among(ids))).order_by("pk").values_list(*COLUMNS)
    waiting = [ToSign(*row) for row in rows]
    keys = {key.slot: key for key in SigningKey.objects.filter(state=KeyState.ACTIVE) if key.slot}
    newest = _newest(ids)
    formats = _formats(newest, order.replacing) if order.replacing else None
    done = Batch()
    events: list[NewEvent] = []

    def signed() -> Iterator[NewIssuance]:
        for row in waiting:
            if formats is not None and row.pk not in formats:
                continue
            wanted = order.format or (formats or {}).get(row.pk) or row.product__default_format
            try:
                text, issuance, event = _sign(row, Format(wanted), newest.get(row.pk), keys, order)
            except Refusal as refusal:
                done.refused.append((license_id(row.uid), refusal))
                continue
            done.issued.append(text)
            events.append(event)
            yield issuance

    # Row by row: PostgreSQL takes one in while the next is signed.
    insert_rows(Issuance, tuple(NewIssuance.__annotations__), signed())
    record_many(events)
    return done


def _newest(ids: list[int]) -> dict[int, int | None]:
    """The newest issuance of each license: one step into an index each, however many there are of it."""
    newest = Issuance.objects.filter(license_id=OuterRef("pk")).order_by("-id").values("pk")[:1]
    return dict(License.objects.filter(pk__in=among(ids)).values_list("pk", Subquery(newest)))


def _formats(newest: dict[int, int | None], key: SigningKey) -> dict[int, str]:
    """The format of each license whose newest issuance that key has signed."""
    rows = Issuance.objects.filter(pk__in=among(filter(None, newest.values())), signing_key=key)
    return dict(rows.values_list("license_id", "format"))


def _sign(
    row: ToSign, wanted: Format, newest: int | None, keys: dict[str, SigningKey], order: _Order
) -> tuple[Signed, NewIssuance, NewEvent]:
    refuse_unless_issuable(row, order.at)
    key = key_for(row, wanted, keys)
    jti = uuid7()
    claims = claims_of(row, jti=jti, at=order.at)
    text = encode_claims(row, wanted, claims, signer_of(key))
    encoded = text.encode()
    sha256 = hashlib.sha256(encoded).hexdigest()
    issuance = NewIssuance(
        license_id=row.pk,
        jti=jti,
        format=wanted.value,
        signing_key_id=key.pk,
        text_sha256=sha256,
        claims=claims.to_json().decode(),
        issued_at=order.at,
        expires_at=row.expires_at,
        actor=order.actor,
        channel=order.channel,
        cause=order.cause,
        artifact=seal(encoded) if order.keep else None,
        supersedes_id=newest,
    )
    event = NewEvent(
        kind=order.kind,
        subject=f"license:{claims.license_id}",
        account=row.account__customer_id,
        actor=order.actor,
        data=issuance_facts(
            jti=jti,
            format=wanted,
            kid=key.kid,
            sha256=sha256,
            cause=order.cause,
            channel=order.channel,
            expires_at=row.expires_at,
        ),
        at=order.at,
    )
    return Signed(claims.license_id, text), issuance, event
