"""Accounts by what people remember of them: a piece of the name, the slug, an address."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.models import Account
from config.kit.trigrams import SHORTEST, TrigramIndex, index_register

INDEX = index_register(
    TrigramIndex("account_search", "accounts_account", ("name", "slug", "email", "domain"))
)

FEW = 400


def accounts_like(term: str) -> QuerySet[Account]:
    """Accounts with the text in their name or slug, or with this customer id. No order.

    Fewer than three letters have to stand at the beginning; an address is looked for among the e-mails, too.
    """
    text = term.strip()
    if not is_searchable(text):
        return Account.objects.none()
    wanted = _part("name", text) | _part("slug", text.lower()) | Q(customer_id=text.upper())
    if "@" in text:
        wanted |= _part("email", text)
    return Account.objects.filter(wanted)


def accounts_anywhere(term: str) -> QuerySet[Account]:
    """As `accounts_like`, with the text in the domain or the e-mail as well. No order."""
    text = term.strip()
    if not is_searchable(text):
        return Account.objects.none()
    columns = ("name", "slug", "email", "domain")
    wanted = Q(customer_id=text.upper())
    for column in columns:  # one condition of plain columns: the index serves each of them
        wanted |= _part(column, text)
    return Account.objects.filter(wanted)


def accounts_found(term: str) -> QuerySet[Account]:
    """As `accounts_anywhere`; a few are looked for once, whatever is then counted and read of them."""
    found = accounts_anywhere(term)
    keys = list(found.values_list("pk", flat=True)[: FEW + 1])
    return Account.objects.filter(pk__in=keys) if len(keys) <= FEW else found


def accounts_of_email(term: str) -> QuerySet[Account]:
    """Accounts whose e-mail address has the text in it, in any case. No order."""
    text = term.strip()
    return Account.objects.filter(_part("email", text)) if is_searchable(text) else Account.objects.none()


def is_searchable(text: str) -> bool:
    """Is this a text that a column could hold?"""
    return bool(text) and text.isprintable()


def _part(column: str, text: str) -> Q:
    return Q(**{f"{column}__{'icontains' if len(text) >= SHORTEST else 'istartswith'}": text})
