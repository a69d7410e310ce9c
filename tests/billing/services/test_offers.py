from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import transaction

from billing.errors import BelowUnitsHeld, ConfigManaged, Exists, FixedOnceSold, SeatLimitExceeded
from billing.models import Offer
from billing.selectors.catalogue import default_offer, offer_asked, offer_units_held, offers_on_sale
from billing.selectors.seats import limit_register, seat_usage
from billing.services.offers import offer_create, offer_update
from billing.terms import deliveries_of, quote_of, seats_of, terms_of
from config.kit.errors import Invalid
from history.models import Event
from licenses.services.catalogue import plan_update
from licenses.services.issuing import license_create

pytestmark = pytest.mark.django_db
BY = {"actor": "cli:test"}
STEPS = [{"up_to": 10, "amount_minor": 5_000}, {"up_to": None, "factor": Decimal("0.5"), "per_unit": True}]


def fields_of(error):
    return [(one.field, one.code) for one in error.value.errors]


def test_an_offer_is_made_with_its_steps_and_its_event(make_offer, at):
    """E9, E10: tiers come with the offer; the change is an event."""
    offer = make_offer("steps", pricing="tiered", amount_minor=1_000, tiers=STEPS)
    assert [quote_of(offer, managed_products=n).total_minor for n in (10, 11)] == [5_000, 5_500]
    event = Event.objects.get(kind="offer.created")
    assert (event.subject, event.data["active"]) == ("offer:steps", True)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"pricing": "tiered"}, ("tiers", "required")),
        ({"tiers": STEPS}, ("tiers", "tiered_only")),
        ({"pricing": "tiered", "tiers": [STEPS[0], STEPS[0]]}, ("tiers", "duplicate")),
        ({"pricing": "tiered", "tiers": [{"up_to": 0}]}, ("tiers.0.up_to", "out_of_range")),
        ({"pricing": "tiered", "tiers": [{"upto": 1}]}, ("tiers.0.upto", "unknown_field")),
        ({"interval": ""}, ("interval", "required")),
        ({"interval_count": 4}, ("interval_count", "out_of_range")),
        ({"term_days": 30}, ("term_days", "one_off_only")),
        ({"type": "one_off", "interval": "year"}, ("interval", "subscription_only")),
        ({"type": "one_off", "term_days": 40_000}, ("term_days", "out_of_range")),
        ({"type": "rental"}, ("type", "invalid_choice")),
        ({"pricing": "haggled"}, ("pricing", "invalid_choice")),
        ({"currency": "EUR"}, ("currency", "invalid")),
        ({"amount_minor": -1}, ("amount_minor", "min_value")),
        ({"maintenance": "auto"}, ("maintenance", "perpetual_only")),
        ({"type": "one_off", "term_days": 0, "maintenance": "manual"}, ("maintenance_amount_minor", "required")),
        ({"min_managed_products": 5, "max_managed_products": 4}, ("max_managed_products", "below_minimum")),
        ({"default_seats": 9, "max_managed_products": 4}, ("default_seats", "out_of_range")),
        ({"default_for": "one_off"}, ("default_for", "other_type")),
        ({"features": "SSO"}, ("features", "malformed")),
        ({"metadata": {"a": 1}}, ("metadata", "malformed")),
        ({"plan": None}, ("plan", "required")),
        ({"items": [{"plan": None}]}, ("components.0.plan", "null")),
        ({"slug": "a b"}, ("slug", "invalid")),
    ],
)  # fmt: skip
def test_a_bad_offer_is_refused_by_field(make_offer, fields, problem):
    """E9, E11: type, pricing, tiers, terms and bounds; nothing is written."""
    with pytest.raises(Invalid) as error:
        make_offer(**fields)
    assert problem in fields_of(error)
    assert not Offer.objects.exists()


def test_slug_and_lookup_key_are_each_others_only_once(make_offer):
    """E9: 409."""
    make_offer("pro")
    with pytest.raises(Exists):
        make_offer("pro", lookup_key="other")
    with pytest.raises(Exists):
        make_offer("other", lookup_key="pro")


def test_several_years_are_paid_at_once(make_offer, customer, at):
    """E9: 1095 days give an end 1095 days after the payment."""
    offer = make_offer("three", type="one_off", term_days=1095)
    row = license_create(
        account=customer, plan=offer.plan, terms=terms_of(offer, 7, at), origin="staff", at=at, **BY
    )
    assert ((row.expires_at - at.replace(microsecond=0)).days, row.seats) == (1095, 7)


def test_a_bundle_brings_one_license_a_component_and_quantity(make_offer, make_plan, customer, at):
    """E11: each with its own plan and seats."""
    items = [
        {"plan": make_plan("core", seats=3), "quantity": 2},
        {"plan": make_plan("addon"), "quantity": 1, "managed_products": 9},
    ]
    bundle = make_offer("suite", plan=None, items=items)
    found = deliveries_of(bundle, 1, at)
    rows = [
        license_create(account=customer, plan=one.plan, terms=one.terms, origin="staff", at=at, **BY)
        for one in found
    ]
    assert [(row.plan_code, row.seats) for row in rows] == [("core", 3), ("core", 3), ("addon", 9)]
    assert [one.position for one in found] == [0, 1, 2]


def test_a_component_is_named_once(make_offer, make_plan):
    """E11."""
    plan = make_plan("core")
    with pytest.raises(Invalid) as error:
        make_offer("suite", plan=None, items=[{"plan": plan}, {"plan": plan, "quantity": 2}])
    assert fields_of(error) == [("components.1", "duplicate")]


def test_a_perpetual_license_comes_with_the_end_of_its_maintenance(make_offer, at):
    """E32."""
    offer = make_offer("ever", type="one_off", term_days=0, maintenance="auto")
    (one,) = deliveries_of(offer, 0, at)
    assert (one.terms["perpetual"], (one.maintenance_expires_at - at).days) == (True, 365)


def test_a_cap_never_falls_below_what_is_held(offer, make_checkout, at):
    """E9: sold and on its way count, what ended does not; the refusal says how many."""
    for state in ("reserved", "paid", "expired"):
        make_checkout(offer, state=state)
    assert offer_units_held(offer) == 2
    with pytest.raises(BelowUnitsHeld) as refusal:
        offer_update(offer=offer, max_license_total=1, at=at, **BY)
    assert refusal.value.members == {"held": 2}
    assert offer_update(offer=offer, max_license_total=2, at=at, **BY).max_license_total == 2


def test_what_was_sold_keeps_key_type_and_currency(offer, make_checkout, at):
    """E9: Stripe and buyers know it by them; its price may change."""
    assert offer_update(offer=offer, lookup_key="pro-2026", at=at, **BY).lookup_key == "pro-2026"
    make_checkout(offer, state="paid")
    with pytest.raises(FixedOnceSold):
        offer_update(offer=offer, currency="usd", at=at, **BY)
    assert offer_update(offer=offer, amount_minor=1, at=at, **BY).amount_minor == 1


def test_new_steps_replace_the_old_ones(make_offer, at):
    """E9, E10: all of them, and the same steps again are no change."""
    offer = make_offer("steps", pricing="tiered", tiers=STEPS)
    offer_update(offer=offer, tiers=STEPS, at=at, **BY)
    assert not Event.objects.filter(kind="offer.changed").exists()
    offer_update(offer=offer, tiers=[{"up_to": None, "amount_minor": 7}], at=at, **BY)
    assert quote_of(Offer.objects.get(), managed_products=500).total_minor == 7
    assert Event.objects.get(kind="offer.changed").data["fields"] == ["tiers"]


def test_what_the_file_keeps_is_changed_by_the_file(make_offer, at):
    """E9: staff and API leave such an entry alone."""
    offer = make_offer(config_managed=True)
    with pytest.raises(ConfigManaged):
        offer_update(offer=offer, amount_minor=1, at=at, **BY)
    assert offer_update(offer=offer, amount_minor=1, by_file=True, at=at, **BY).amount_minor == 1


def test_there_is_one_default_of_each_type(make_offer, at):
    """E14: a new default takes the place of the old one, and both say so in the history."""
    first = make_offer("first", default_for="subscription")
    second = make_offer("second")
    offer_update(offer=second, default_for="subscription", at=at, **BY)
    assert default_offer().slug == "second"
    assert Offer.objects.get(pk=first.pk).default_for == ""
    assert Event.objects.filter(kind="offer.changed", data__fields=["default_for"]).count() == 2


def test_an_offer_of_a_closed_plan_is_not_on_sale(offer, at):
    """E7: nobody pays for what could not be issued."""
    plan_update(plan=offer.plan, active=False, at=at, **BY)
    assert not offers_on_sale().exists()


def test_seats_of_an_order_are_bounded(make_offer):
    """E15."""
    offer = make_offer(min_managed_products=2, max_managed_products=5, default_seats=3)
    assert [seats_of(offer, n) for n in (None, 2, 5)] == [3, 2, 5]
    with pytest.raises(Invalid) as error:
        seats_of(offer, 6)
    assert fields_of(error) == [("managed_products", "above_maximum")]


def test_a_checkout_sells_what_is_named_or_the_default(make_offer, make_coupon):
    """E13, E14: by key, by a coupon for one offer alone, by override, or the default of the type."""
    plain, other = make_offer("plain"), make_offer("other")
    gift = make_offer("gift", type="one_off", internal=True, default_for="one_off")
    swap = make_coupon(
        "SWAP", offers=[plain], behavior="product_override", override_offer=gift, percent_bps=0
    )
    assert offer_asked(lookup_key="plain") == plain
    assert offer_asked(coupon=make_coupon("ONE", offers=[other])) == other
    assert offer_asked(lookup_key="plain", coupon=swap) == gift
    assert offer_asked(type="one_off") == gift
    assert offer_asked() == gift  # no subscription is marked, a one-off is


class OneSeat:
    """Our own license allows one active offer."""

    def __enter__(self):
        self.undo = limit_register(lambda: 1)

    def __exit__(self, *_):
        self.undo()


def test_each_active_offer_takes_a_seat_of_our_own_license(make_offer, at):
    """E26: the one too many is refused; switching another off frees its seat."""
    with OneSeat():
        first = make_offer("first")
        with pytest.raises(SeatLimitExceeded) as refusal:
            make_offer("second")
        assert (refusal.value.members["seatLimit"], refusal.value.members["required"]) == (1, 2)
        second = make_offer("second", active=False)
        with pytest.raises(SeatLimitExceeded), transaction.atomic():
            offer_update(offer=second, active=True, at=at, **BY)
        offer_update(offer=first, active=False, at=at, **BY)
        assert offer_update(offer=second, active=True, at=at, **BY).active
        usage = seat_usage()
        assert (usage.custom, usage.config_managed, usage.available) == (1, 0, 0)


def test_the_lookup_key_is_the_slug_unless_it_is_given(enterprise, at):
    """E7, E9."""
    offer = offer_create(slug="pro", name="Pro", plan=enterprise, type="one_off", at=at, **BY)
    assert offer.lookup_key == "pro"
