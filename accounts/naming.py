"""Accounts as people name them in a form or a list: by slug, customer id, e-mail or exact name."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from accounts.models import Account
from config.kit.errors import FieldError, Invalid

SHOWN = 5
Found = dict[str, list[Account]]


def accounts_named(texts: Iterable[str]) -> Found:
    """The accounts that each text names, in at most three queries: none, one, or several of one e-mail or name.

    Slug and customer id are unique and come first; then the e-mail, in any case; then the name, letter by letter.
    """
    wanted = {text for text in texts if text and "\x00" not in text}
    found = _by_slug(wanted)
    addresses = {text for text in wanted - set(found) if "@" in text}
    found |= _by_email(addresses)
    return found | _by_name(wanted - set(found))


def accounts_of_names(names: Iterable[str]) -> Found:
    """The accounts of exactly these names."""
    return _by_name({name for name in names if name and "\x00" not in name})


def account_called(text: str) -> Account:
    """The one account that a text names. Raises Invalid (400) at the field `account`."""
    return the_account(text, accounts_named([text]).get(text, []))


def accounts_meant(text: str) -> list[int]:
    """Keys of the open accounts that a text of a filter names, or that took over those it names."""
    return sorted({account.merged_into_id or account.pk for account in accounts_named([text]).get(text, [])})


def the_account(text: str, found: list[Account]) -> Account:
    """The account, when it is one and open. Raises Invalid with a sentence that says what to write instead."""
    if not found:
        detail = f"There is no account “{text[:60]}”. Give its slug, customer id or e-mail."
        raise Invalid([FieldError("account", "unknown_account", detail)])
    if len(found) > 1:
        slugs = ", ".join(account.slug for account in found[:SHOWN])
        detail = f"{len(found)} accounts are called “{text[:60]}”: {slugs}. Give the slug."
        raise Invalid([FieldError("account", "ambiguous_account", detail)])
    account = found[0]
    if account.merged_into is not None:
        detail = f"{account.name} was merged into {account.merged_into.name} ({account.merged_into.slug})."
        raise Invalid([FieldError("account", "merged_account", detail)])
    return account


def _by_slug(texts: set[str]) -> Found:
    if not texts:
        return {}
    wanted = Q(slug__in={text.lower() for text in texts}) | Q(
        customer_id__in={text.upper() for text in texts}
    )
    rows = list(_rows().filter(wanted))
    slugs, ids = {row.slug: row for row in rows}, {row.customer_id: row for row in rows}
    found = ((text, ids.get(text.upper()) or slugs.get(text.lower())) for text in texts)
    return {text: [row] for text, row in found if row is not None}


def _by_email(texts: set[str]) -> Found:
    if not texts:
        return {}
    wanted = {text.lower() for text in texts}
    rows: list[Account] = list(
        _rows().annotate(address=Lower("email")).filter(address__in=wanted).order_by("pk")
    )
    found = {text: [row for row in rows if row.email.lower() == text.lower()] for text in texts}
    return {text: rows for text, rows in found.items() if rows}


def _by_name(texts: set[str]) -> Found:
    if not texts:
        return {}
    found: Found = {}
    for row in _rows().filter(name__in=texts).order_by("pk"):
        if row.name in texts:  # MariaDB may compare without regard to case
            found.setdefault(row.name, []).append(row)
    return found


def _rows() -> QuerySet[Account]:
    return Account.objects.select_related("merged_into")
