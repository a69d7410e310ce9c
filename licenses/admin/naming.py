"""Names of licenses, accounts and staff, for the lists of what happened."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q
from django.urls import reverse

from accounts.models import Account, User
from accounts.selectors import customer_ids
from config.kit.ids import license_id, parse_license_id
from history.naming import Named, Naming, naming_register
from licenses.admin.display import page_of
from licenses.models import License

MOST = 20
LONGEST_KEY = 18


def _licenses(ids: Sequence[str]) -> dict[str, Named]:
    uids = [uid for uid in map(parse_license_id, ids) if uid is not None]
    rows = License.objects.filter(uid__in=uids).values_list("uid", "pk")
    page = "admin:licenses_license_change"
    names = {license_id(uid): reverse(page, args=[pk]) for uid, pk in rows}
    return {name: Named(f"L-…{name[-8:]}", url) for name, url in names.items()}


def _find_license(text: str) -> list[str]:
    uid = parse_license_id(text)
    return [] if uid is None else [license_id(uid)]


def _accounts(ids: Sequence[str]) -> dict[str, Named]:
    rows = Account.objects.filter(customer_id__in=ids).only("pk", "customer_id", "name")
    return {row.customer_id: Named(row.name, page_of(row)) for row in rows}


def _find_account(text: str) -> list[str]:
    """With the accounts that were merged into what is found, and what took over from a merged one."""
    rows = Account.objects.filter(Q(slug=text.lower()) | Q(name__iexact=text) | Q(customer_id=text.upper()))
    winners = {winner or pk for pk, winner in rows.values_list("pk", "merged_into")[:MOST]}
    return list(customer_ids(Account.objects.filter(pk__in=winners)).values_list("customer_id", flat=True))


def _users(ids: Sequence[str]) -> dict[str, Named]:
    keys = [int(text) for text in ids if text.isdecimal() and len(text) <= LONGEST_KEY]
    return {str(user.pk): Named(str(user)) for user in User.objects.filter(pk__in=keys)}


def _find_user(text: str) -> list[str]:
    rows = User.objects.filter(Q(email__iexact=text) | Q(name__iexact=text))
    return [str(pk) for pk in rows.values_list("pk", flat=True)[:MOST]]


def _own_license(ids: Sequence[str]) -> dict[str, Named]:
    return {one: Named("License of this installation", reverse("admin:own_license")) for one in ids}


naming_register("self-license", Naming(_own_license, lambda _text: ()))
naming_register("license", Naming(_licenses, _find_license))
naming_register("account", Naming(_accounts, _find_account))
naming_register("user", Naming(_users, _find_user))
