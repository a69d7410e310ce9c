"""Opening many accounts at once, for imports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction

from accounts.models import Account
from accounts.services.accounts import MAX_SLUG, slug_for
from config.kit.statements import insert_many
from config.kit.validation import check_fields
from history.services import NewEvent, record_many


def account_draft(
    *, name: str, kind: str = Account.Kind.CUSTOMER, slug: str = "", email: str = "", at: datetime
) -> Account:
    """Return the account that this would open, checked and not saved. Raises Invalid."""
    account = Account(name=name.strip(), kind=kind, email=email.strip(), created_at=at)
    account.slug = slug.strip().lower() or slug_for(account)
    check_fields(account)
    return account


def accounts_create(*, accounts: Sequence[Account], actor: str, at: datetime) -> None:
    """Save drafts, each with its event, and give them their keys. Runs in the caller's transaction.

    A slug that is taken gets a number: `acme-2`. Raises IntegrityError when somebody takes one meanwhile.
    """
    if not accounts:
        return
    _free_slugs(accounts)
    with transaction.atomic():
        insert_many(accounts)
        by_id = {account.customer_id: account for account in accounts}
        for row in Account.objects.filter(customer_id__in=by_id).only("pk", "customer_id"):
            by_id[row.customer_id].pk = row.pk
        record_many(_event(account, actor, at) for account in accounts)
    for account in accounts:
        account._state.adding = False


def _free_slugs(accounts: Iterable[Account]) -> None:
    taken = set(Account.objects.filter(slug__in={a.slug for a in accounts}).values_list("slug", flat=True))
    for account in accounts:
        if account.slug in taken:
            account.slug = _next_free(account.slug, taken)
        taken.add(account.slug)


def _next_free(slug: str, taken: set[str]) -> str:
    number = 2
    while True:
        candidate = f"{slug[: MAX_SLUG - 1 - len(str(number))]}-{number}"
        if candidate not in taken and not Account.objects.filter(slug=candidate).exists():
            return candidate
        number += 1


def _event(account: Account, actor: str, at: datetime) -> NewEvent:
    return NewEvent(
        kind="account.created",
        subject=f"account:{account.customer_id}",
        account=account.customer_id,
        actor=actor,
        data={"kind": str(account.kind)},
        at=at,
    )
