"""Money that goes back, or that a bank wants back (trust: Stripe)."""

from __future__ import annotations

import pytest

from billing.models import Payment, Subscription
from config.kit.attention import sources
from config.kit.errors import NotFound
from history.models import Event
from licenses.models import License
from licenses.services.lifecycle import license_revoke, license_suspend
from tests.billing.buying import kinds, states
from tests.stripe_double.driver import Refusal

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(shop, one_off):
    return shop.buy(one_off)


def after(payment):
    payment.refresh_from_db()
    return payment.state, payment.refunded_minor, License.objects.get().status


def test_a_full_refund_revokes_the_license_with_its_reason(shop, payment):
    """Invariant 5: a refunded license is refused at once."""
    shop.stripe.refund(payment.intent_ref)
    shop.work()
    assert after(payment) == ("refunded", 9_900, "revoked")
    assert License.objects.get().status_reason.startswith("Refunded in full")


def test_a_part_of_it_is_only_recorded(shop, payment):
    shop.stripe.refund(payment.intent_ref, amount=900)
    shop.work()
    assert after(payment) == ("partially_refunded", 900, "active")
    shop.stripe.refund(payment.intent_ref)
    shop.work()
    assert after(payment) == ("refunded", 9_900, "revoked")
    assert [row.data["refunded_minor"] for row in Event.objects.filter(kind="payment.refunded")] == [
        900,
        9_900,
    ]


@pytest.mark.parametrize("version", ["2020-08-27", "2025-03-31.basil", "thin"])
def test_a_refund_is_found_in_every_shape(shop, payment, version):
    shop.stripe.refund(payment.intent_ref)
    for event in shop.stripe.events("charge.refunded", version=version):
        assert shop.stripe.deliver(event).status_code == 200
    shop.sweep()
    assert after(payment)[0] == "refunded"


def test_a_refund_that_comes_before_the_purchase_leaves_nothing_valid(shop, one_off):
    """Trust, Stripe: unordered."""
    checkout = shop.order(one_off)
    shop.stripe.pay(checkout.session_id)
    session = shop.stripe.objects("checkout.session")[0]
    shop.stripe.refund(session["payment_intent"])
    shop.take_in("charge.refunded")
    shop.sweep()
    assert after(Payment.objects.get()) == ("refunded", 9_900, "revoked")
    shop.delivered = 0
    shop.work()
    assert after(Payment.objects.get()) == ("refunded", 9_900, "revoked")
    assert kinds("license.") == ["license.created", "license.issued", "license.revoked"]


def test_the_refund_of_a_renewal_revokes_the_license_too(shop, offer):
    cycle = shop.buy(offer).subscription
    shop.stand(cycle.period_end)
    shop.stripe.advance(cycle.stripe_id)
    shop.work()
    renewal = Payment.objects.get(source="invoice")
    shop.stripe.refund(renewal.intent_ref)
    shop.work()
    assert after(renewal) == ("refunded", 9_900, "revoked")


def test_money_of_others_is_no_concern_of_ours(shop, payment, link, one_off, settings):
    """E17: other events are acknowledged and ignored."""
    stranger = shop.stripe.events("charge.refunded") or shop.stripe.events("checkout.session.completed")
    body = {**stranger[0], "id": "evt_stranger", "type": "refund.created"}
    body["data"] = {
        "object": {"id": "re_1", "object": "refund", "charge": None, "payment_intent": "pi_of_others"}
    }
    assert shop.stripe.deliver(body).status_code == 200
    shop.sweep()
    assert states()["refund.created"] in [("ignored", "not_ours"), ("parked", "object_missing")]


# --- disputes ---------------------------------------------------------------------------------------


def test_a_dispute_suspends_and_its_loss_revokes(shop, payment):
    dispute = shop.stripe.dispute(payment.intent_ref)
    shop.work()
    assert after(payment) == ("disputed", 0, "suspended")
    shop.stripe.close_dispute(dispute["id"], "lost")
    shop.work()
    assert after(payment)[::2] == ("charged_back", "revoked")
    assert kinds("dispute.") == ["dispute.opened", "dispute.closed"]


def test_a_dispute_that_is_won_restores(shop, payment):
    dispute = shop.stripe.dispute(payment.intent_ref)
    shop.work()
    shop.stripe.close_dispute(dispute["id"], "won")
    shop.work()
    assert after(payment) == ("settled", 0, "active")


def test_an_inquiry_does_nothing(shop, payment):
    dispute = shop.stripe.dispute(payment.intent_ref, status="warning_needs_response")
    shop.work()
    shop.stripe.close_dispute(dispute["id"], "warning_closed")
    shop.work()
    assert after(payment) == ("settled", 0, "active")
    assert kinds("dispute.") == []


def test_what_staff_suspended_stays_so_when_a_dispute_is_won(shop, payment):
    license_suspend(license=License.objects.get(), reason="Under review.", actor="cli:test", at=shop.now)
    dispute = shop.stripe.dispute(payment.intent_ref)
    shop.work()
    shop.stripe.close_dispute(dispute["id"], "won")
    shop.work()
    assert after(payment)[2] == "suspended"


def test_a_dispute_known_only_by_its_end_counts_as_that(shop, payment):
    """The opening never arrived, or comes later: Stripe is read, not the event."""
    dispute = shop.stripe.dispute(payment.intent_ref)
    shop.stripe.close_dispute(dispute["id"], "lost")
    shop.take_in("charge.dispute.closed")
    shop.sweep()
    shop.delivered = 0
    shop.work()
    assert after(payment)[::2] == ("charged_back", "revoked")
    assert kinds("dispute.") == ["dispute.closed"]


def test_a_license_stays_suspended_until_the_last_of_its_disputes_is_won(shop, offer):
    """Trust, Stripe: a dispute suspends, whichever of the license's payments it is about."""
    first = shop.buy(offer)
    shop.stand(first.subscription.period_end)
    shop.stripe.advance(first.subscription.stripe_id)
    shop.work()
    renewal = Payment.objects.get(source="invoice")
    disputes = [shop.stripe.dispute(row.intent_ref) for row in (first, renewal)]
    shop.work()
    assert after(first)[::2] == after(renewal)[::2] == ("disputed", "suspended")
    shop.stripe.close_dispute(disputes[0]["id"], "won")
    shop.work()
    assert after(first)[::2] == ("settled", "suspended")
    shop.stripe.close_dispute(disputes[1]["id"], "won")
    shop.work()
    assert after(renewal)[::2] == ("settled", "active")


# --- what goes on charging --------------------------------------------------------------------------


def problems(name, at):
    return list(next(source for source in sources() if source.name == name).find(at))


def test_a_cycle_that_charges_for_a_revoked_license_is_ended_by_a_person(shop, offer):
    """C28: a refund takes the license back; that Stripe goes on charging is shown, and ended by a button."""
    payment = shop.buy(offer)
    assert problems("stripe-charging", shop.now) == []
    shop.stripe.refund(payment.intent_ref)
    shop.work()
    (problem,) = problems("stripe-charging", shop.now)
    assert "Refunded in full" in problem.cause
    source = next(source for source in sources() if source.name == "stripe-charging")
    source.retry(problem.key, actor="user:7", at=shop.now)
    cycle = Subscription.objects.get()
    assert (cycle.state, cycle.stripe_status) == ("cancelled", "canceled")
    assert Event.objects.get(kind="subscription.changed").actor == "user:7"
    assert problems("stripe-charging", shop.now) == []
    with pytest.raises(NotFound):
        source.retry(problem.key, actor="user:7", at=shop.now)
    shop.stand(cycle.period_end)
    with pytest.raises(Refusal, match="canceled"):
        shop.stripe.advance(cycle.stripe_id)


def test_a_cycle_that_owes_is_ended_too(shop, offer):
    """C28: what Stripe still tries to collect must not be paid for a license that is revoked."""
    payment = shop.buy(offer)
    cycle = payment.subscription
    shop.stand(cycle.period_end)
    shop.stripe.advance(cycle.stripe_id, declined=True)
    shop.work()
    assert Subscription.objects.get().state == "past_due"
    license_revoke(license=License.objects.get(), reason="Fraud", actor="user:7", at=shop.now)
    (problem,) = problems("stripe-charging", shop.now)
    source = next(source for source in sources() if source.name == "stripe-charging")
    source.retry(problem.key, actor="user:7", at=shop.now)
    assert Subscription.objects.get().state == "cancelled"
    assert problems("stripe-charging", shop.now) == []
