"""Reads. Each takes the caller and returns only what that caller may see."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from accounts.errors import BackOfficeOnly
from accounts.models import Account, ApiKey
from config.kit.api.principals import Principal
from config.kit.errors import FieldError, Invalid, NotFound

CUSTOMER_ID = "C-"


def accounts_for(principal: Principal) -> QuerySet[Account]:
    """The open accounts a caller may see: all, or those of its groups (E22)."""
    rows = Account.objects.filter(merged_into=None)
    return rows if principal.sees_every_group else rows.filter(slug__in=principal.groups)


def account_find(name: str) -> Account | None:
    """The account of a slug or customer id; for one that was merged, the account that took over."""
    row = _rows(name).first()
    return None if row is None else row.merged_into or row


def _rows(name: str) -> QuerySet[Account]:
    wanted = {"customer_id": name} if name.startswith(CUSTOMER_ID) else {"slug": name.lower()}
    return Account.objects.select_related("merged_into").filter(**wanted)


def account_seen(name: str, principal: Principal) -> Account | None:
    """As `account_find`, for a caller: None also for an account of others."""
    account = account_find(name)
    return account if account is not None and principal.may_see_group(account.slug) else None


def account_get(name: str, principal: Principal) -> Account:
    """Return one account by slug or customer id. Raises NotFound (404), also for an account of others."""
    account = account_seen(name, principal)
    if account is None:
        raise NotFound
    return account


def account_by_slug(slug: str) -> Account:
    """Return one account for commands and tasks, which see all. Raises NotFound (404)."""
    account = account_find(slug)
    if account is None:
        raise NotFound(f"There is no account {slug}.")
    return account


def slug_now(slug: str) -> str:
    """The slug under which rows of an account stand today: of one that was merged, the winner's."""
    account = account_find(slug)
    return slug.lower() if account is None else account.slug


def groups_now(groups: frozenset[str]) -> frozenset[str]:
    """Groups, and the accounts that took over those of them that were merged."""
    rows = Account.objects.filter(slug__in=groups, merged_into__isnull=False)
    return groups | frozenset(rows.values_list("merged_into__slug", flat=True))


def customer_ids(accounts: QuerySet[Account]) -> QuerySet[Any]:
    """The customer ids of accounts and of those that were merged into them: history names both."""
    return Account.objects.filter(Q(pk__in=accounts.values("pk")) | Q(merged_into__in=accounts)).values(
        "customer_id"
    )


def customer_ids_of(account: Account) -> list[str]:
    """An account's own customer id first, then those of the accounts that were merged into it."""
    return [
        account.customer_id,
        *account.merged.order_by("pk").values_list("customer_id", flat=True),
    ]


def api_keys() -> QuerySet[ApiKey]:
    """Every API key with its account. For superadmins: the caller's permission is asked before."""
    return ApiKey.objects.select_related("account")


def api_key_get(prefix: str) -> ApiKey:
    """Return one API key by its prefix. Raises NotFound (404)."""
    key = api_keys().filter(prefix=prefix).first()
    if key is None:
        raise NotFound
    return key


def account_named(name: str, principal: Principal, *, field: str = "account") -> Account:
    """Return the account that a field of a body names. Raises Invalid (400) at that field."""
    account = account_seen(name, principal)
    if account is None:
        raise Invalid([FieldError(field, "unknown_account", f"There is no account {name}.")])
    return account


def account_row(name: str) -> Account:
    """Return the very row of a slug or customer id, closed or not, for the back office. Raises NotFound (404)."""
    row = _rows(name).first()
    if row is None:
        raise NotFound
    return row


def demand_back_office(principal: Principal) -> None:
    """Raises BackOfficeOnly (403) for credentials that are bound to accounts: those cannot open or promote."""
    if not principal.sees_every_group:
        raise BackOfficeOnly
