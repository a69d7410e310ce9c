"""Finding the order that a paid session belongs to; sessions opened elsewhere get theirs here."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from billing.domain.enums import CheckoutState, OfferType, Purpose
from billing.domain.parking import Reason
from billing.errors import UnknownOffer
from billing.gateway import SessionFacts
from billing.models import Checkout, MerchantProfile, Offer
from billing.parked import Parked
from billing.selectors.catalogue import offer_by_lookup_key, offer_units_held
from billing.terms import quote_of, seats_of
from config.kit.errors import Invalid
from config.kit.locks import locked

UID_LENGTH = 36


def order_hold(*, session: SessionFacts, merchant: MerchantProfile, actor: str) -> Checkout:
    """The locked checkout of a session; made now when the session was opened elsewhere, as by a payment link.

    Call it inside the transaction that settles. Raises Parked for what is no offer of ours, or sold out.
    """
    found = _known(session, merchant)
    if found is not None:
        return found
    offer = _offer_of(session)
    # The lock of the offer's row is what a checkout of ours takes, too; behind it the order may be here.
    locked(Offer.objects.filter(pk=offer.pk)).get()
    return _known(session, merchant) or _made(session, merchant, offer, actor)


def order_of(session: SessionFacts, merchant: MerchantProfile) -> Checkout | None:
    """The checkout of a session, not locked; None when there is none."""
    return _among(Checkout.objects.filter(merchant=merchant), session)


def order_await(*, checkout: Checkout, session: SessionFacts) -> None:
    """The buyer is through, the money is on its way: the order is held until it is there or fails."""
    with transaction.atomic():
        row = locked(Checkout.objects.filter(pk=checkout.pk)).get()
        if row.state in (CheckoutState.RESERVED, CheckoutState.OPEN):
            row.state, row.session_id = CheckoutState.PROCESSING, session.id
            row.save(update_fields=["state", "session_id"])


def _known(session: SessionFacts, merchant: MerchantProfile) -> Checkout | None:
    rows = Checkout.objects.select_related("offer__plan", "account__merged_into", "license")
    return _among(locked(rows.filter(merchant=merchant)), session)


def _among(rows: QuerySet[Checkout], session: SessionFacts) -> Checkout | None:
    """By the session's id; or an order of ours which that id never reached.

    For the latter both marks must agree: a buyer may put any `client_reference_id` into the address of a
    payment link, but metadata is written by our key alone.
    """
    found = rows.filter(session_id=session.id).first()
    uid = session.metadata.get("checkout", "")
    if found is not None or len(uid) != UID_LENGTH or uid != session.client_reference_id:
        return found
    return rows.filter(uid=uid, session_id="").first()


def _offer_of(session: SessionFacts) -> Offer:
    keys = [line.lookup_key for line in session.lines if line.lookup_key]
    for key in [*keys, session.metadata.get("lookup_key", "")]:
        try:
            return offer_by_lookup_key(key)
        except UnknownOffer:
            continue
    raise Parked(Reason.OFFER_UNKNOWN)


def _made(session: SessionFacts, merchant: MerchantProfile, offer: Offer, actor: str) -> Checkout:
    units = 1
    cap = offer.max_license_total
    if cap is not None and offer_units_held(offer) + units > cap:
        raise Parked(Reason.SOLD_OUT)
    seats = _seats(session, offer)
    try:
        quote = quote_of(offer, managed_products=seats)
    except Invalid as refused:
        raise Parked(Reason.OFFER_UNKNOWN, refused.detail) from refused
    said = session.metadata
    return Checkout.objects.create(
        merchant=merchant,
        purpose=Purpose.PURCHASE,
        offer=offer,
        managed_products=seats,
        units=units,
        currency=quote.currency,
        amount_minor=quote.total_minor,
        email=session.customer_email[:254],
        organization_name=said.get("organization_name", "").strip()[:200],
        state=CheckoutState.OPEN,
        state_reason="Opened elsewhere.",
        session_id=session.id,
        subscription_ref=session.subscription if offer.type == OfferType.SUBSCRIPTION else "",
        actor=actor,
        created_at=session.created,
        expires_at=session.expires_at,
    )


def _seats(session: SessionFacts, offer: Offer) -> int:
    """As the metadata say, else the quantity of a price that counts seats, else the offer's own number."""
    said = session.metadata.get("managed_products", "")
    wanted = int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0  # noqa: PLR2004 - below 2**31
    if not wanted and offer.per_unit and session.lines:
        wanted = session.lines[0].quantity
    try:
        return seats_of(offer, wanted)
    except Invalid as refused:
        raise Parked(Reason.REFUSED, refused.detail) from refused
