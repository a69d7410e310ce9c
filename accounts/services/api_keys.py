"""API keys: made, revoked, and recognised at every call (C30)."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from accounts.errors import AlreadyRevoked, CredentialRefused
from accounts.models import Account, ApiKey
from accounts.roles import SCOPES
from accounts.services.merging import account_hold
from config.kit import actors
from config.kit.api.principals import Principal
from config.kit.errors import FieldError, Invalid, NotFound
from config.kit.locks import locked
from config.kit.statements import Select
from config.kit.validation import check_fields
from history.services import record

TOKEN = re.compile(r"sgk_([a-z0-9]{12})_([A-Za-z0-9_-]{43})")
SECRET_BYTES = 32
_NOTHING = "0" * 64  # compared with when no key has the prefix, so that both take the same time


def api_key_create(
    *,
    name: str,
    role: str,
    account: Account | None = None,
    expires_at: datetime | None = None,
    actor: str,
    at: datetime,
) -> tuple[ApiKey, str]:
    """Make a key; return it and its token, which is shown this once and kept as SHA-256 only.

    Bound to an account, the key sees that account's licenses and no others. Raises Invalid, AccountMerged (409).
    """
    prefix = secrets.token_hex(6)
    token = f"sgk_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    key = ApiKey(
        name=name.strip(),
        prefix=prefix,
        token_sha256=_digest(token),
        role=role,
        account=account,
        created_by=actor,
        created_at=at,
        expires_at=expires_at,
    )
    check_fields(key)
    if expires_at is not None and expires_at <= at:
        raise Invalid([FieldError("expires_at", "in_the_past", "The end must lie in the future.")])
    with transaction.atomic():
        if account is not None:
            account_hold(account)
        key.save(force_insert=True)
        _record("api_key.created", key, actor, at)
    return key, token


def api_key_revoke(*, key: ApiKey, actor: str, at: datetime) -> ApiKey:
    """Stop a key for good, from the next call on. Raises AlreadyRevoked (409), NotFound."""
    with transaction.atomic():
        row = locked(ApiKey.objects.filter(pk=key.pk)).select_related("account").first()
        if row is None:
            raise NotFound
        if row.revoked_at is not None:
            raise AlreadyRevoked
        row.revoked_at = at
        row.save(update_fields=["revoked_at"])
        _record("api_key.revoked", row, actor, at)
    return row


def api_key_authenticate(*, token: str, at: datetime) -> Principal:
    """Return the caller of a token, with one SELECT over the prefix's index. Raises CredentialRefused (401)."""
    parts = TOKEN.fullmatch(token)
    key = next(iter(_BY_PREFIX.rows(prefix=parts[1])), None) if parts else None
    same = secrets.compare_digest(_digest(token), key.token_sha256 if key else _NOTHING)
    if key is None or not same or not _is_live(key, at):
        raise CredentialRefused
    _mark_used(key, at)
    return Principal(
        client=f"api-key:{key.prefix}",
        actor=actors.api_key(key.prefix),
        scopes=frozenset(map(str, SCOPES[key.role])),
        roles=frozenset({key.role}),
        groups=frozenset({key.account.slug} if key.account else ()),
    )


# Every call of the API starts here.
_BY_PREFIX = Select(
    lambda prefix: ApiKey.objects.select_related("account").filter(prefix=prefix), prefix="the prefix"
)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _is_live(key: ApiKey, at: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or at < key.expires_at)


def _mark_used(key: ApiKey, at: datetime) -> None:
    """Write the day of last use: one UPDATE a day, and of parallel calls one that changes the row."""
    today = at.date()
    if key.last_used_on is None or key.last_used_on < today:
        unused = Q(last_used_on=None) | Q(last_used_on__lt=today)
        ApiKey.objects.filter(unused, pk=key.pk).update(last_used_on=today)


def _record(kind: str, key: ApiKey, actor: str, at: datetime) -> None:
    record(
        kind=kind,
        subject=f"api-key:{key.prefix}",
        account=key.account.customer_id if key.account else "",
        actor=actor,
        data={"role": key.role, "bound": key.account_id is not None},
        at=at,
    )
