"""Who accounts name as their contact, and who is known by an address that something which happened gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from accounts.models import Account
from config.kit.ids import parse_license_id
from crm.domain.words import Origin
from crm.models import Person
from crm.services.enriching import people_refresh
from crm.services.people import person_know, person_link
from history.domain.kinds import Kind
from history.models import Event
from licenses.figures import sold
from licenses.models import License
from trials.domain.addresses import AddressError, read_address


def contact_follow(event: Event, at: datetime) -> None:
    """Who an account names looks after what it was sold, what it had before, too."""
    account = own_account(event)
    if account is not None:
        looks_after(account, _sold_to(account, event), event, at)


def own_account(event: Event) -> Account | None:
    """The account of an event as it was then, though it closed since."""
    return Account.objects.select_related("merged_into").filter(customer_id=event.account).first()


def _sold_to(account: Account, event: Event) -> QuerySet[License]:
    """What an account has; of a closed one, what was made for it until then."""
    rows = License.objects.filter(sold()).only("pk")
    if account.merged_into is None:
        return rows.filter(account=account)
    made = Event.objects.filter(kind=Kind.LICENSE_CREATED, account=account.customer_id, pk__lt=event.pk)
    names = made.values_list("subject", flat=True)
    return rows.filter(uid__in=[parse_license_id(name.partition(":")[2]) for name in names])


def looks_after(account: Account, licenses: Iterable[License], event: Event, at: datetime) -> None:
    """The address that an account gives for itself; not before it was given."""
    if account.kind == Account.Kind.INTERNAL or not account.email or _addressed_later(account, event):
        return
    owner = account.merged_into or account
    given_at = _addressed_at(account, event)
    person = lead_know(account.email, owner, Origin.ACCOUNT, event.at, at, given_at=given_at)
    if person is not None and person_link(person=person, licenses=licenses, at=at):
        people_refresh(people=[person.pk], at=at)


def _addressed_at(account: Account, event: Event) -> datetime:
    """When the account got the address that it had at an event."""
    given = _addressings(account).filter(pk__lte=event.pk).order_by("-pk").values_list("at", "data")
    return next((at for at, data in given if _names_address(data)), account.created_at)


def _addressed_later(account: Account, event: Event) -> bool:
    """Was the address that it gives today given after that?"""
    later = _addressings(account).filter(pk__gt=event.pk).values_list("data", flat=True)
    return any(_names_address(data) for data in later)


def _addressings(account: Account) -> QuerySet[Event]:
    """What may have given the account its address."""
    kinds = (Kind.ACCOUNT_CHANGED, Kind.ACCOUNT_MERGED)
    return Event.objects.filter(kind__in=kinds, subject=f"account:{account.customer_id}")


def _names_address(data: Mapping[str, Any]) -> bool:
    return "email" in data.get("fields", ())


def lead_know(
    email: str,
    account: Account | None,
    origin: Origin,
    happened_at: datetime,
    at: datetime,
    *,
    given_at: datetime | None = None,
    name: str = "",
    company: str = "",
) -> Person | None:
    """None for what is no address that mail could go to."""
    try:
        address = read_address(email)
    except AddressError:
        return None
    return person_know(
        address=address, name=name, company=company, account=account, origin=origin, given_at=given_at,
        happened_at=happened_at, at=at,
    )  # fmt: skip
