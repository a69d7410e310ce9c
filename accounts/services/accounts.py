"""Customer, prospect and internal accounts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils.text import slugify

from accounts.errors import AccountInUse, NotAProspect, SlugTaken
from accounts.models import Account, User
from accounts.owners import holding
from accounts.services.merging import merged
from config.kit.errors import FieldError, Invalid, NotFound
from config.kit.locks import locked
from config.kit.validation import check_fields
from history.services import record

EDITABLE = frozenset({"name", "email", "domain", "crm_ref", "notes", "owner"})
MAX_SLUG = 63


def account_create(
    *,
    name: str,
    kind: str = Account.Kind.PROSPECT,
    slug: str = "",
    email: str = "",
    domain: str = "",
    crm_ref: str = "",
    notes: str = "",
    owner: User | None = None,
    actor: str,
    at: datetime,
) -> Account:
    """Open an account (D5). Without a slug, one is made from the name. Raises Invalid, SlugTaken (409)."""
    account = Account(
        name=name.strip(),
        kind=kind,
        email=email.strip(),
        domain=_domain(domain),
        crm_ref=crm_ref,
        notes=notes,
        owner=owner,
        created_at=at,
    )
    account.slug = slug.strip().lower() or slug_for(account)
    check_fields(account)
    try:
        with transaction.atomic():
            account.save(force_insert=True)
            _record("account.created", account, {"kind": account.kind}, actor, at)
    except IntegrityError as error:
        raise SlugTaken(f"There is an account {account.slug} already.") from error
    return account


def account_update(*, account: Account, changes: Mapping[str, Any], actor: str, at: datetime) -> Account:
    """Change an account's particulars; only fields that differ are written. Raises Invalid, NotFound.

    Slug and customer id never change: tokens and other systems name the account by them.
    """
    fixed = sorted(set(changes) - EDITABLE)
    if fixed:
        raise Invalid([FieldError(name, "not_editable", f"{name} cannot be changed.") for name in fixed])
    with transaction.atomic():
        row = _locked(account)
        changed = sorted(name for name, value in changes.items() if _differs(row, name, value))
        check_fields(row, changed)
        if changed:
            row.save(update_fields=changed)
            _record("account.changed", row, {"fields": changed}, actor, at)
    return row


def account_promote(*, account: Account, actor: str, at: datetime) -> Account:
    """Make a prospect a customer (D5). Raises NotAProspect (409), NotFound."""
    with transaction.atomic():
        row = _locked(account)
        if row.kind != Account.Kind.PROSPECT:
            raise NotAProspect
        row.kind = Account.Kind.CUSTOMER
        row.save(update_fields=["kind"])
        _record("account.promoted", row, {"from": "prospect", "to": "customer"}, actor, at)
    return row


def account_delete(*, account: Account, actor: str, at: datetime) -> None:
    """Remove an account that owns nothing. Raises AccountInUse (409), which says what it owns, NotFound."""
    with transaction.atomic():
        row = _locked(account)
        refuse_while_owning(row)
        _record("account.deleted", row, {"kind": row.kind}, actor, at)
        try:
            row.delete()
        except ProtectedError as error:
            raise AccountInUse from error


def refuse_while_owning(account: Account) -> None:
    """Raises AccountInUse with a sentence that names what the account owns and what to do instead."""
    things = [owner.counted(number) for owner, number in holding(account)]
    closed = account.merged.count()
    if closed:
        things.append(f"{closed} account{'s' if closed > 1 else ''} merged into it")
    if things:
        listed = " and ".join(filter(None, (", ".join(things[:-1]), things[-1])))
        raise AccountInUse(f"{account.name} has {listed}. Merge it into another account instead.")


def _locked(account: Account) -> Account:
    """The open account under its lock. Raises AccountMerged (409), NotFound."""
    row = locked(Account.objects.select_related("merged_into").filter(pk=account.pk)).first()
    if row is None:
        raise NotFound
    if row.merged_into is not None:
        raise merged(row)
    return row


def _differs(row: Account, name: str, value: Any) -> bool:
    """Set the field; say whether that changed anything."""
    if name == "domain":
        value = _domain(value)
    elif name in {"name", "email"}:
        value = value.strip()
    before = row.owner_id if name == "owner" else getattr(row, name)
    setattr(row, name, value)
    return bool(before != (row.owner_id if name == "owner" else value))


def _domain(text: str) -> str:
    return text.strip().rstrip(".").lower()


def slug_for(account: Account) -> str:
    """A slug made from the name of an account."""
    slug = slugify(account.name).replace("_", "-")[:MAX_SLUG].strip("-")
    return slug or account.customer_id.lower()  # a name without a Latin letter


def _record(kind: str, account: Account, data: dict[str, Any], actor: str, at: datetime) -> None:
    record(
        kind=kind,
        subject=f"account:{account.customer_id}",
        account=account.customer_id,
        actor=actor,
        data=data,
        at=at,
    )
