"""One offer told to Stripe: its product, and its price under its lookup key (E33)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import transaction

from billing import gateway
from billing.domain.syncing import Do, Step, What, changes_between
from billing.gateway import PriceFacts, ProductFacts
from billing.models import MerchantProfile, Offer
from billing.stripe_catalogue import OURS, offer_told, price_of, product_of


def offer_pass(merchant: MerchantProfile, offer: Offer, *, at: datetime, dry_run: bool) -> Iterator[Step]:
    """Compare one offer, and unless `dry_run` change what differs. An inactive one is never made there."""
    product_id = f"{OURS}{offer.slug}"
    product = gateway.product_read(merchant, product_id)
    price = gateway.price_by_lookup_key(merchant, offer.lookup_key)
    if not offer.active and product is None and price is None:
        return
    for step in _product_steps(offer, product):
        if not dry_run:
            _product_do(merchant, offer, product_id, step)
        yield step
    price_id = price.id if price else ""
    for step in _price_steps(offer, product_id, price):
        if not dry_run:
            price_id = _price_do(merchant, offer, product_id, price, step)
        yield step
    if not dry_run:
        _keep(merchant, offer, product_id, price_id, at)


def _product_steps(offer: Offer, found: ProductFacts | None) -> Iterator[Step]:
    wanted = product_of(offer)
    if found is None:
        if offer.active:
            yield Step(Do.CREATE, What.PRODUCT, offer.slug, changes_between(None, wanted))
        return
    ours = {name: found.metadata.get(name, "") for name in wanted["metadata"]}
    there = {
        "name": found.name,
        "description": found.description,
        "active": found.active,
        "metadata": ours,
    }
    changes = changes_between(there, wanted)
    if changes:
        ended = found.active and not offer.active
        yield Step(Do.ARCHIVE if ended else Do.UPDATE, What.PRODUCT, offer.slug, changes)


def _product_do(merchant: MerchantProfile, offer: Offer, product_id: str, step: Step) -> None:
    wanted = product_of(offer)
    if step.do == Do.CREATE:
        # Stripe takes no empty text for what it is to make
        filled = {name: value for name, value in wanted.items() if value != ""}
        gateway.product_create(merchant, {"id": product_id, **filled})
    else:
        gateway.product_update(merchant, product_id, wanted)


def _price_steps(offer: Offer, product_id: str, found: PriceFacts | None) -> Iterator[Step]:
    wanted: dict[str, Any] = {**price_of(offer), "product": product_id}
    if found is None:
        if offer.active:
            yield Step(Do.CREATE, What.PRICE, offer.slug, changes_between(None, wanted))
        return
    there = {
        "currency": found.currency,
        "unit_amount": found.amount_minor,
        "interval": found.interval,
        "interval_count": found.interval_count,
        "product": found.product,
    }
    changes = changes_between(there, wanted)
    if changes and offer.active:
        yield Step(Do.REPLACE, What.PRICE, offer.slug, changes)
    elif found.active != offer.active:
        do = Do.UPDATE if offer.active else Do.ARCHIVE
        yield Step(
            do, What.PRICE, offer.slug, changes_between({"active": found.active}, {"active": offer.active})
        )


def _price_do(
    merchant: MerchantProfile, offer: Offer, product_id: str, found: PriceFacts | None, step: Step
) -> str:
    """Carry a step out; the id of the price that holds the lookup key afterwards."""
    if step.do in {Do.UPDATE, Do.ARCHIVE} and found is not None:
        return gateway.price_update(merchant, found.id, {"active": offer.active}).id
    made = gateway.price_create(merchant, _price_params(offer, product_id))
    if found is not None and found.id != made.id:
        gateway.price_update(merchant, found.id, {"active": False})
    return made.id


def _price_params(offer: Offer, product_id: str) -> dict[str, Any]:
    terms = price_of(offer)
    params: dict[str, Any] = {
        "product": product_id,
        "currency": terms["currency"],
        "unit_amount": terms["unit_amount"],
        "lookup_key": offer.lookup_key,
        "transfer_lookup_key": True,
        # an old price is known by this after a new one took its lookup key over
        "metadata": {"lookup_key": offer.lookup_key, "offer": offer.slug},
    }
    if terms["interval"]:
        params["recurring"] = {"interval": terms["interval"], "interval_count": terms["interval_count"]}
    return params


def _keep(merchant: MerchantProfile, offer: Offer, product_id: str, price_id: str, at: datetime) -> None:
    """Write down what stands at Stripe now. The columns are this service's alone."""
    wanted: dict[str, Any] = {
        "stripe_product": product_id,
        "stripe_price": price_id,
        "synced_sha256": offer_told(offer),
        "synced_merchant_id": merchant.pk,
    }
    if all(getattr(offer, name) == value for name, value in wanted.items()):
        return
    with transaction.atomic():
        Offer.objects.filter(pk=offer.pk).update(**wanted, synced_at=at)
