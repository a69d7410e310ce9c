"""One license for an account, product and plan while it is active: what storefronts and scripts ask for (E2, E3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from accounts.models import Account, User
from accounts.services.accounts import account_update
from config.kit.locks import locked
from licenses import selectors
from licenses.domain.enums import Format, KeyState, Kind, LicenseStatus
from licenses.errors import LicenseSuspended
from licenses.models import Issuance, License, Plan
from licenses.services.artifacts import artifact_text
from licenses.services.issuing import license_create, license_issue
from licenses.services.signing import Issued


@dataclass(frozen=True, slots=True)
class Ensured:
    """The license, the text to hand out, and whether the license is new."""

    license: License
    issued: Issued
    created: bool


def license_ensure(
    *,
    account: Account,
    plan: Plan,
    terms: Mapping[str, Any] | None = None,
    kind: Kind | None = None,
    email: str = "",
    domain: str = "",
    format: Format | None = None,  # noqa: A002 - the word of the vocabulary
    persist: bool | None = None,
    origin: str,
    channel: str,
    actor: str,
    creator: User | None = None,
    at: datetime,
) -> Ensured:
    """Return the active license of an account for a plan, or cut it from the plan and sign it (E2).

    `terms` count for a new license only: an existing one changes by renewal or re-issue (E24). `kind` is the
    plan's unless given: a test key and a commercial license of one plan stand beside each other. `email` and
    `domain` are kept with an account that has none. Parallel calls make one license: they wait for the
    account's row.
    Raises what `license_create` and `license_issue` raise; LicenseSuspended rather than a second license.
    """
    with transaction.atomic():
        account = locked(Account.objects.filter(pk=account.pk)).get()
        row = _live(account, plan, kind or Kind(plan.kind), at)
        created = row is None
        if row is None:
            row = license_create(
                account=account,
                plan=plan,
                terms=terms,
                kind=kind,
                origin=origin,
                actor=actor,
                creator=creator,
                at=at,
            )
        _complete(account, {"email": email, "domain": domain}, actor, at)
        wanted = Format(format or row.product.default_format)
        issued = _kept(row, wanted, actor=actor, at=at) or license_issue(
            license=row, format=wanted, persist=persist, channel=channel, actor=actor, at=at
        )
    return Ensured(row, issued, created)


def _live(account: Account, plan: Plan, kind: Kind, at: datetime) -> License | None:
    """The license that stands in the way of a new one: of the same kind, not revoked, not past its end.

    An active one before a suspended one: only when that is all there is, it is refused. A test key that was
    cut from a commercial plan is not what a storefront has sold.
    """
    rows = License.objects.with_relations().filter(account=account, plan=plan, kind=kind)
    rows = rows.filter(Q(expires_at=None) | Q(expires_at__gt=at)).exclude(origin=License.Origin.LEGACY)
    row = rows.exclude(status=LicenseStatus.REVOKED).order_by("status", "-pk").first()
    if row is not None and row.status == LicenseStatus.SUSPENDED:
        raise LicenseSuspended
    return row


def _complete(account: Account, given: dict[str, str], actor: str, at: datetime) -> None:
    lacking = {name: value for name, value in given.items() if value and not getattr(account, name)}
    if lacking:
        account_update(account=account, changes=lacking, actor=actor, at=at)


def _kept(row: License, wanted: Format, *, actor: str, at: datetime) -> Issued | None:
    """The newest text of a license, when it was kept, has the wanted format and its key is still trusted."""
    latest: Issuance | None = selectors.latest_issuance(row)
    if latest is None or latest.artifact is None or latest.format != wanted:
        return None
    if latest.signing_key.state == KeyState.REVOKED:
        return None
    return Issued(latest, artifact_text(issuance=latest, actor=actor, at=at))
