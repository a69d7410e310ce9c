"""One more year of maintenance of a perpetual license (E32)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import gateway
from billing.models import Checkout, Fulfilment
from billing.schedule import BEAT
from billing.services.maintenance import maintenance_extend
from billing.services.settling import payment_settle
from billing.tasks import go_on_with_maintenance
from history.models import Event
from licenses.models import License
from licenses.services.lifecycle import license_revoke
from tests.billing.shop import OPERATOR, URL, merchant, shop, stranger

__all__ = ["merchant", "shop", "stranger"]  # fixtures
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "stripe", "merchant", "signing")]

BY = {"actor": "cli:test"}
PATH = "/api/v1/maintenance-checkout"


@pytest.fixture
def ever(make_offer):
    """For good, with maintenance that is renewed by hand for 30 euro a year."""
    return make_offer(
        "ever", type="one_off", term_days=0, maintenance="manual", maintenance_amount_minor=3_000
    )


@pytest.fixture
def pay(stripe, merchant, clock):
    def make(session: str):
        stripe.pay(session, email="ann@acme.example")
        return payment_settle(
            merchant=merchant, session=gateway.session_read(merchant, session), at=clock.at, **BY
        )

    return make


@pytest.fixture
def owned(shop, ever, pay) -> License:
    """A perpetual license that was bought."""
    pay(shop.post(URL, {"lookup_key": ever.lookup_key}).json()["session_id"])
    return License.objects.get()


@pytest.mark.parametrize("late", [0, 400])
def test_a_paid_year_counts_from_the_old_end_or_from_now(shop, owned, pay, clock, stripe, late):
    """E32: as often as it is paid."""
    old = owned.maintenance_expires_at
    assert old == clock.at.replace(microsecond=0) + timedelta(days=365)
    stripe.stand(clock.advance(timedelta(days=late)))
    answer = shop.post(PATH, {"license_id": owned.public_id})
    assert answer.status_code == 201
    assert (answer.json()["purpose"], answer.json()["amount_minor"]) == ("maintenance", 3_000)
    assert stripe.objects("checkout.session")[-1]["amount_total"] == 3_000
    pay(answer.json()["session_id"])
    owned.refresh_from_db()
    assert owned.maintenance_expires_at == max(old, clock.at.replace(microsecond=0)) + timedelta(days=365)
    assert owned.expires_at is None
    assert Fulfilment.objects.filter(license=owned).count() == 2
    event = Event.objects.get(kind="maintenance.extended")
    assert event.data["old_expires_at"] == old.isoformat()


def test_maintenance_that_goes_on_by_itself_never_runs_out(shop, make_offer, ever, pay, clock, stripe):
    """E32: `auto` is extended before its end, late too, and once; not `manual`, not a revoked one."""
    always = make_offer("always", type="one_off", term_days=0, maintenance="auto")
    for offer in (always, always, ever):
        pay(shop.post(URL, {"lookup_key": offer.lookup_key}).json()["session_id"])
    auto, revoked, manual = License.objects.order_by("pk")
    license_revoke(license=revoked, reason="fraud", at=clock.at, **BY)
    first = auto.maintenance_expires_at
    clock.set(first - timedelta(days=8))
    assert go_on_with_maintenance() == 0
    clock.advance(timedelta(days=1))
    assert (go_on_with_maintenance(), go_on_with_maintenance()) == (1, 0)
    ends = [License.objects.get(pk=row.pk).maintenance_expires_at for row in (auto, revoked, manual)]
    assert ends == [
        first + timedelta(days=365),
        revoked.maintenance_expires_at,
        manual.maintenance_expires_at,
    ]
    clock.advance(timedelta(days=1000))  # nobody swept for long
    assert go_on_with_maintenance() == 1
    auto.refresh_from_db()
    assert auto.maintenance_expires_at > clock.at + timedelta(days=364)
    told = Event.objects.filter(kind="maintenance.extended")
    assert set(told.values_list("actor", flat=True)) == {"system:maintenance"}
    assert BEAT["billing.maintenance_go_on"]["task"] == go_on_with_maintenance.name


def test_the_license_operator_s_path_is_the_same_in_camel_case(shop, owned):
    answer = shop.post(f"{OPERATOR}/maintenance-checkout", {"licenseId": owned.public_id})
    assert (answer.status_code, set(answer.json()) >= {"sessionId", "url"}) == (201, True)


def test_it_takes_no_unit_of_the_offer(shop, owned, ever):
    from billing.selectors.catalogue import offer_units_held

    shop.post(PATH, {"license_id": owned.public_id})
    assert Checkout.objects.get(purpose="maintenance").units == 0
    assert offer_units_held(ever) == 1


@pytest.mark.parametrize("fields", [{"maintenance": "auto"}, {"maintenance": ""}, {"term_days": 365}])
def test_only_perpetual_by_hand_is_sold(shop, make_offer, pay, fields):
    """E32: 403 otherwise."""
    offer = make_offer("other", type="one_off", **{"term_days": 0, **fields})
    pay(shop.post(URL, {"lookup_key": offer.lookup_key}).json()["session_id"])
    refused = shop.post(PATH, {"license_id": License.objects.get().public_id})
    assert (refused.status_code, refused.json()["code"]) == (403, "maintenance_not_manual")


def test_others_and_unknown_licenses_are_not_found(stranger, owned):
    for public_id in (owned.public_id, "L-NOTHING"):
        assert stranger.post(PATH, {"license_id": public_id}).status_code == 404


def test_the_same_key_begins_one_order(shop, owned):
    body = {"license_id": owned.public_id}
    first, again = (shop.post(PATH, body, key="year") for _ in range(2))
    assert first.json() == again.json()
    assert Checkout.objects.filter(purpose="maintenance").count() == 1


def test_a_revoked_license_is_not_maintained(shop, owned, at):
    from licenses.errors import LicenseRevoked
    from licenses.services.lifecycle import license_revoke

    license_revoke(license=owned, reason="x", at=at, **BY)
    refused = shop.post(PATH, {"license_id": owned.public_id})
    assert (refused.status_code, refused.json()["code"]) == (409, "license_revoked")
    with pytest.raises(LicenseRevoked):
        maintenance_extend(license=owned, at=at, **BY)
