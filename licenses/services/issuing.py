"""Creating licenses and having snapshots of them signed. Nothing leaves before its issuance is committed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Account, User
from accounts.services.merging import account_hold
from config.kit.statements import pipelined
from history.services import record
from licenses.claims import ToSign
from licenses.domain.enums import Format, Kind
from licenses.errors import PlanClosed
from licenses.models import Issuance, License, Plan
from licenses.postures import place_posture
from licenses.services.posture import record_posture
from licenses.services.signing import (
    Issued,
    issuance_data,
    license_sign,
    lock_to_change,
    lock_to_sign,
    record_license,
    refuse_unless_newest,
)
from licenses.terms import CHANGEABLE, check_terms, refuse_unknown, terms_from_plan


@dataclass(frozen=True, slots=True)
class Granted:
    """A new license with its first issuance."""

    license: License
    issued: Issued


def license_create(
    *,
    account: Account,
    plan: Plan,
    terms: Mapping[str, Any] | None = None,
    kind: Kind | None = None,
    internal: bool = False,
    origin: str,
    actor: str,
    creator: User | None = None,
    at: datetime,
) -> License:
    """Cut a license from a plan; `terms` override the plan's (see `licenses.terms`). A1, D3, D7.

    Raises Invalid with one entry a field, PlanClosed, AccountMerged. Writes nothing when it refuses.
    """
    refuse_closed(plan)
    row = license_draft(
        account=account, plan=plan, terms=terms, kind=kind, internal=internal, origin=origin, actor=actor,
        creator=creator, at=at,
    )  # fmt: skip
    with transaction.atomic():
        account_hold(account)
        row.save(force_insert=True)
        record_license("license.created", row, actor=actor, at=at, data={**row.snapshot(), "origin": origin})
    return row


def license_draft(
    *,
    account: Account,
    plan: Plan,
    terms: Mapping[str, Any] | None = None,
    kind: Kind | None = None,
    internal: bool = False,
    origin: str,
    actor: str,
    creator: User | None = None,
    at: datetime,
) -> License:
    """Return the license that these terms would make, checked and not saved. Raises Invalid."""
    row = License(
        account=account,
        product=plan.product,
        plan=plan,
        plan_code=plan.slug,
        internal=internal,
        origin=origin,
        created_by=actor,
        creator=creator,
        created_at=at,
        status_at=at,
        **terms_from_plan(plan, terms or {}, kind=kind, at=at),
    )
    check_terms(row)
    place_posture(row, at)
    return row


def license_grant(
    *,
    account: Account,
    plan: Plan,
    terms: Mapping[str, Any] | None = None,
    kind: Kind | None = None,
    internal: bool = False,
    origin: str,
    format: Format | None = None,  # noqa: A002 - the word of the vocabulary
    persist: bool | None = None,
    channel: str,
    actor: str,
    creator: User | None = None,
    at: datetime,
) -> Granted:
    """Create a license and sign it, in one transaction: both or neither."""
    with transaction.atomic():
        row = license_create(
            account=account, plan=plan, terms=terms, kind=kind, internal=internal, origin=origin,
            actor=actor, creator=creator, at=at,
        )  # fmt: skip
        issued = license_issue(
            license=row, format=format, persist=persist, channel=channel, actor=actor, at=at
        )
    return Granted(row, issued)


def license_issue(
    *,
    license: License,  # noqa: A002 - the word of the vocabulary
    format: Format | None = None,  # noqa: A002 - the word of the vocabulary
    persist: bool | None = None,
    seen: int | None = None,
    channel: str,
    actor: str,
    at: datetime,
) -> Issued:
    """Sign a snapshot of an existing license, as it is read under its lock, and append the issuance (A2).

    `persist=False` keeps only the record and its hash, not the text (E2); for `seen` see
    `refuse_unless_newest`. Raises LicenseRevoked, LicenseSuspended, LicenseExpired, LegacyLicense,
    FormatUnsuitable, NoSigningKey, ChangedMeanwhile.
    """
    with pipelined():
        row, keys = lock_to_sign(license)
        refuse_unless_newest(keys, seen)
        issued = license_sign(
            license,
            row,
            keys,
            format=format,
            persist=persist,
            cause=Issuance.Cause.ISSUE,
            channel=channel,
            actor=actor,
            at=at,
        )
        record(
            kind="license.issued",
            subject=f"license:{issued.issuance.claims['lic']}",
            account=row.account__customer_id,
            actor=actor,
            data=issuance_data(issued.issuance),
            at=at,
        )
    return issued


def license_reissue(
    *,
    license: License,  # noqa: A002 - the word of the vocabulary
    changes: Mapping[str, Any] | None = None,
    seen: int | None = None,
    reason: str,
    format: Format | None = None,  # noqa: A002 - the word of the vocabulary
    persist: bool | None = None,
    channel: str,
    actor: str,
    at: datetime,
) -> Issued:
    """Change terms and sign anew: an issued snapshot is never edited (E24). The end moves by renewal only."""
    with transaction.atomic():
        row, keys = lock_to_change(license)
        refuse_unless_newest(keys, seen)
        before = row.posture
        changed = _change_terms(row, changes or {}, at)
        issued = license_sign(
            row,
            ToSign.of(row),
            keys,
            format=format,
            persist=persist,
            cause=Issuance.Cause.REISSUE,
            channel=channel,
            actor=actor,
            at=at,
        )
        data = {**issuance_data(issued.issuance), "changed": changed, "reason_given": bool(reason)}
        record_license("license.reissued", row, actor=actor, at=at, data=data)
        if row.posture != before:
            record_posture(row, before=before, actor=actor, at=at)
    return issued


def refuse_closed(plan: Plan) -> None:
    """C19: licenses are no longer cut from a plan that is archived or not active. Raises PlanClosed."""
    if plan.archived or not plan.active:
        raise PlanClosed(f"Plan {plan.slug} is not open for new licenses.")


def _change_terms(row: License, changes: Mapping[str, Any], at: datetime) -> list[str]:
    """Apply changes to a locked license; return the names of the fields that really changed."""
    refuse_unknown(changes, CHANGEABLE)
    changed = sorted(name for name, value in changes.items() if getattr(row, name) != value)
    for name in changed:
        setattr(row, name, changes[name])
    if changed:
        check_terms(row)
        place_posture(row, at)
        row.save(update_fields=[*changed, "posture", "posture_due_at"])
    return changed
