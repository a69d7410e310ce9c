"""Reads of orders on their way, and of who pays for them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.models import Account
from accounts.selectors import account_find, accounts_for
from billing import gateway
from billing.domain.enums import MaintenanceMode, SubscriptionState
from billing.domain.stripe_events import livemode_of
from billing.models import Checkout, Fulfilment, MerchantProfile, Offer, Payment, Subscription, TierChange
from billing.order_errors import NotYourGroup
from config.kit.api.principals import Principal
from config.kit.errors import FieldError, Invalid, NotFound, Unavailable
from licenses.domain.enums import LicenseStatus
from licenses.models import License


def account_acted_for(principal: Principal, group: str = "") -> Account:
    """The account that a caller buys for: the group it names, else the only one it belongs to (E14, E29).

    Raises NotYourGroup (403) for a group of others, Invalid (400) when none is named and none is plain, or when
    a back-office caller names an unknown one.
    """
    if not group:
        if len(principal.groups) != 1:
            detail = "Say for which group: these credentials do not belong to exactly one."
            raise Invalid([FieldError("group", "required", detail)])
        (group,) = principal.groups
    account = account_find(group)
    if account is None or not (principal.may_see_group(account.slug) or group in principal.groups):
        if not principal.sees_every_group:
            raise NotYourGroup
        raise Invalid([FieldError("group", "unknown_account", f"There is no account {group[:63]}.")])
    return account


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer of one merchant's Stripe account."""

    merchant: MerchantProfile
    reference: str


def newest_customer(account: Account, merchant: MerchantProfile | None = None) -> Customer | None:
    """The Stripe customer that an account paid as last, of any merchant unless one is named (E29).

    A profile whose key is of the other mode, test or live, does not know the customers of before.
    """
    known = _customers_known([merchant] if merchant else list(MerchantProfile.objects.all()))
    payments = Payment.objects.filter(known, account=account)
    cycles = Subscription.objects.filter(account=account, pk__in=payments.values("subscription"))
    cycles, payments = cycles.exclude(customer_ref=""), payments.exclude(customer_ref="")
    cycle = cycles.select_related("merchant").order_by("-started_at", "-pk").first()
    payment = payments.select_related("merchant").order_by("-paid_at", "-pk").first()
    if cycle and not (payment and payment.paid_at > cycle.started_at):
        return Customer(cycle.merchant, cycle.customer_ref)
    return Customer(payment.merchant, payment.customer_ref) if payment else None


def _customers_known(merchants: Iterable[MerchantProfile]) -> Q:
    """Payments whose customers the key of their merchant finds."""
    known = Q(pk__in=())
    for merchant in merchants:
        try:
            live = livemode_of(gateway.key_of(merchant))
        except Unavailable:
            live = None  # without a key nothing is asked anyway
        known |= Q(merchant=merchant) if live is None else Q(merchant=merchant, livemode=live)
    return known


def customer_ref_of(account: Account, merchant: MerchantProfile) -> str:
    """The account's newest customer at one merchant; empty when it has none there."""
    found = newest_customer(account, merchant)
    return found.reference if found else ""


def checkouts_for(principal: Principal) -> QuerySet[Checkout]:
    """All orders, or those of the caller's own accounts."""
    rows = Checkout.objects.select_related("merchant", "offer", "coupon", "account", "license")
    return rows if principal.sees_every_group else rows.filter(account__in=accounts_for(principal))


def checkout_get(uid: uuid.UUID) -> Checkout:
    """One order by its uid. Raises NotFound."""
    rows = Checkout.objects.select_related("merchant", "offer", "coupon", "account", "license")
    row = rows.filter(uid=uid).first()
    if row is None:
        raise NotFound
    return row


def checkout_seen(uid: uuid.UUID, principal: Principal) -> Checkout:
    """One order that the caller may see. Raises NotFound, also for another group's."""
    row = checkouts_for(principal).filter(uid=uid).first()
    if row is None:
        raise NotFound
    return row


def checkouts_found(rows: QuerySet[Checkout], term: str) -> QuerySet[Checkout]:
    """Orders by a whole id of theirs, of their session or subscription at Stripe, or the slug of their account."""
    text = term.strip()
    if not text.isprintable():
        return rows.none()
    wanted = Q(session_id=text) | Q(subscription_ref=text) | Q(account__slug=text.lower())
    with suppress(ValueError):
        wanted |= Q(uid=uuid.UUID(text))
    return rows.filter(wanted)


def checkout_by_session(session_id: str, principal: Principal) -> Checkout | None:
    """The order of a checkout session, when the caller may see it."""
    return checkouts_for(principal).filter(session_id=session_id).first() if session_id else None


def maintenance_offer_of(license: License) -> Offer | None:  # noqa: A002 - the word of the vocabulary
    """The offer whose maintenance a license has: the one it was bought by, else one of its plan (E32)."""
    bought = Offer.objects.filter(payments__fulfilments__license=license).exclude(maintenance="")
    sold = bought.select_related("merchant").order_by("-payments__paid_at", "-payments__pk").first()
    if sold is not None:
        return sold
    rows = Offer.objects.select_related("merchant").filter(plan=license.plan_id).exclude(maintenance="")
    return rows.order_by("-active", "position", "pk").first()


def maintenance_ending_of_itself(until: datetime) -> QuerySet[License]:
    """Perpetual licenses whose maintenance ends by then and goes on without anybody: `maintenance_offer_of` each."""
    offers = Offer.objects.exclude(maintenance="").values("maintenance")
    bought = offers.filter(payments__fulfilments__license=OuterRef("pk"))
    of_plan = offers.filter(plan=OuterRef("plan"))
    mode = Coalesce(
        Subquery(bought.order_by("-payments__paid_at", "-payments__pk")[:1]),
        Subquery(of_plan.order_by("-active", "position", "pk")[:1]),
    )
    ending = License.objects.filter(expires_at=None, maintenance_expires_at__lte=until)
    living = ending.exclude(status=LicenseStatus.REVOKED).annotate(maintenance_mode=mode)
    return living.filter(maintenance_mode=MaintenanceMode.AUTO).order_by("maintenance_expires_at", "pk")


def subscription_of(license: License) -> Subscription | None:  # noqa: A002 - the word of the vocabulary
    """The newest cycle of payments that renews a license."""
    rows = Subscription.objects.select_related("merchant", "offer__plan", "account")
    return rows.filter(license=license).order_by("-started_at", "-pk").first()


def charging_for_nothing() -> QuerySet[Subscription]:
    """Cycles that Stripe goes on charging for, although every license that they renew is revoked."""
    delivered = Fulfilment.objects.filter(payment__subscription=OuterRef("pk"))
    alive = delivered.exclude(license__status=LicenseStatus.REVOKED)
    rows = Subscription.objects.filter(license__status=LicenseStatus.REVOKED)
    running = rows.exclude(state=SubscriptionState.CANCELLED).exclude(Exists(alive))
    return running.select_related("license", "account", "offer", "merchant").order_by(
        "-license__status_at", "-pk"
    )


def untold(until: datetime) -> QuerySet[TierChange]:
    """Changes whose new price Stripe has not taken, and was to be told by `until`; `since` when, the newest first."""
    rows = TierChange.objects.annotate(since=Coalesce("ended_at", "created_at"))
    late = rows.filter(stripe_due_at__isnull=False, since__lte=until).order_by("-since", "-pk")
    return late.select_related("license", "to_offer", "subscription__merchant", "subscription__offer")


def tier_change_get(uid: uuid.UUID) -> TierChange:
    """One change of tier by its uid. Raises NotFound."""
    row = tier_changes().filter(uid=uid).first()
    if row is None:
        raise NotFound
    return row


def tier_change_seen(uid: uuid.UUID, principal: Principal) -> TierChange:
    """One change of tier that the caller may see. Raises NotFound, also for another group's."""
    row = tier_change_get(uid)
    if not principal.may_see_group(row.license.account.slug):
        raise NotFound
    return row


def tier_changes() -> QuerySet[TierChange]:
    return TierChange.objects.select_related(
        "license__account", "license__product", "subscription__merchant", "checkout", "from_plan", "to_plan", "to_offer"
    )  # fmt: skip
