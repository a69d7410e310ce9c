"""Whose account an order is for. Group names come from our own checkout or from metadata, never from a browser."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.text import slugify

from accounts.errors import NotAProspect
from accounts.models import Account
from accounts.services.accounts import MAX_SLUG, account_create, account_promote
from billing.domain.parking import Reason
from billing.gateway import SessionFacts
from billing.models import Checkout, MerchantProfile, Payment
from billing.parked import Parked

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Buyer:
    """What an order says of who buys. `group` is the account's slug as it was typed."""

    group: str
    organization: str
    email: str
    name: str
    customer_ref: str

    @classmethod
    def of(cls, session: SessionFacts, checkout: Checkout | None = None) -> Buyer:
        said = session.metadata
        return cls(
            group=said.get("group_name", "").strip(),
            organization=(checkout.organization_name if checkout else "")
            or said.get("organization_name", "").strip(),
            email=(checkout.email if checkout else "") or session.customer_email,
            name=session.customer_name,
            customer_ref=session.customer,
        )


def buyer_account(
    *, account: Account | None, buyer: Buyer, merchant: MerchantProfile, actor: str, at: datetime
) -> Account:
    """The open account that an order is for, opened or promoted when need be (E18). In the caller's transaction.

    `account` is what our own checkout knows. Without one it is the named group's; without a group, and only
    where REQUIRE_GROUP_NAME is off, that of the same Stripe customer, or a new one. Raises Parked.
    """
    found = account or _of_group(buyer) or _of_customer(buyer, merchant)
    if found is None:
        return _opened(buyer, actor, at)
    while found.merged_into is not None:
        found = found.merged_into
    if found.kind == Account.Kind.PROSPECT:
        with suppress(NotAProspect):  # another purchase of theirs was quicker
            account_promote(account=found, actor=actor, at=at)
        found.kind = Account.Kind.CUSTOMER
    return found


def _of_group(buyer: Buyer) -> Account | None:
    """The account of the named group. Raises Parked when a group must be named and is not."""
    if not buyer.group:
        if settings.REQUIRE_GROUP_NAME:
            raise Parked(Reason.GROUP_MISSING)
        return None
    slug = _slug(buyer.group)
    if not slug:
        raise Parked(Reason.GROUP_INVALID)
    return Account.objects.select_related("merged_into").filter(slug=slug).first()


def _of_customer(buyer: Buyer, merchant: MerchantProfile) -> Account | None:
    """Who paid last as this Stripe customer. An address alone proves nothing: anybody may type it."""
    if buyer.group or not buyer.customer_ref:
        return None
    rows = Payment.objects.filter(merchant=merchant, customer_ref=buyer.customer_ref)
    last = rows.select_related("account__merged_into").order_by("-pk").first()
    return last.account if last else None


def _opened(buyer: Buyer, actor: str, at: datetime) -> Account:
    name = buyer.organization or buyer.group or buyer.name or "Customer"
    return account_create(
        name=name[:LONGEST_NAME],
        kind=Account.Kind.CUSTOMER,
        slug=_slug(buyer.group),
        email=buyer.email if _is_address(buyer.email) else "",
        actor=actor,
        at=at,
    )


def _slug(group: str) -> str:
    return slugify(group).replace("_", "-")[:MAX_SLUG].strip("-")


def _is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True
