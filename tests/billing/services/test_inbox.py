"""The webhook inbox: what is let in, what is kept, what is tried again, and what waits for a person."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import OperationalError

from billing import gateway
from billing.models import MerchantProfile, StripeEvent
from billing.services import processing
from billing.services.inbox import event_rerun, events_expire, events_reseal, listeners_forget
from billing.services.processing import event_process, events_sweep
from config.kit.sealing import seal, unseal
from licenses.models import License
from tests.billing.buying import kinds, states
from tests.conftest import check_problem

pytestmark = pytest.mark.django_db

PATHS = ("/api/v1/stripe/webhook", "/authlance/license/stripe/webhook", "/api/v1/stripe/webhook/default")
EVENT = {
    "id": "evt_1", "object": "event", "api_version": "2025-03-31.basil", "created": 1_772_443_800,
    "livemode": False, "type": "checkout.session.completed",
    "data": {"object": {"id": "cs_test_1", "object": "checkout.session"}},
}  # fmt: skip
ACTOR = "cli:test"


def test_an_event_is_kept_once_as_it_came_and_sealed(shop):
    """E17, trust: the raw bytes under the unique event id; at least once means duplicates."""
    body = json.dumps(EVENT, indent=3).encode()
    assert [shop.stripe.deliver(body).status_code for _ in range(3)] == [200, 200, 200]
    row = StripeEvent.objects.get()
    assert unseal(bytes(row.raw)) == body
    assert b"cs_test_1" not in bytes(row.raw)
    assert (row.event_id, row.type, row.object_id, row.api_version, row.livemode, row.state) == (
        "evt_1", "checkout.session.completed", "cs_test_1", "2025-03-31.basil", False, "received",
    )  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_every_address_takes_events(shop, path):
    """E17: the License Operator's path and ours are the same."""
    assert shop.stripe.deliver(EVENT, path=path).json() == {"received": True}
    assert StripeEvent.objects.count() == 1


@pytest.mark.parametrize(
    "forge",
    [
        {"secret": "whsec_of_others"}, {"header": "t=1,v1=00"}, {"header": "garbage"}, {"header": "t=1"},
        {"header": "\xff\xfe\x00"}, {"header": "," * 5000},
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", PATHS)
def test_a_bad_signature_is_a_400_and_nothing_is_stored(shop, path, forge):
    """E17."""
    answer = shop.stripe.deliver(EVENT, path=path, **forge)
    check_problem(answer)
    assert (answer.status_code, answer.json()["code"]) == (400, "signature_invalid")
    assert not StripeEvent.objects.exists()


@pytest.mark.parametrize(("seconds", "status"), [(-301, 400), (-300, 200), (300, 200), (301, 400)])
def test_a_signature_holds_for_five_minutes_both_ways(shop, seconds, status):
    """Trust, Stripe: tolerance into the past and the future."""
    signed_at = shop.now + timedelta(seconds=seconds)
    assert shop.stripe.deliver(EVENT, at=signed_at).status_code == status


def test_several_secrets_count_while_one_is_rolled(shop, settings):
    """Trust, Stripe: several secrets; one that was added a moment ago counts at once."""
    shop.stripe.deliver(EVENT)
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", "whsec_double"]
    assert shop.stripe.deliver({**EVENT, "id": "evt_2"}, secret="whsec_new").status_code == 200
    assert shop.stripe.deliver({**EVENT, "id": "evt_3"}).status_code == 200


def test_without_a_secret_stripe_is_to_come_again(shop, settings):
    """Trust: an outage of ours is a 503 with Retry-After."""
    settings.STRIPE_WEBHOOK_SECRETS = []
    answer = shop.stripe.deliver(EVENT)
    check_problem(answer)
    assert (answer.status_code, answer.json()["code"]) == (503, "webhook_secret_missing")
    assert answer.headers["Retry-After"]


def test_without_the_sealing_key_nothing_is_stored_and_stripe_is_to_come_again(shop, settings):
    settings.KEY_ENCRYPTION_KEYS = []
    assert shop.stripe.deliver(EVENT).status_code == 503
    assert not StripeEvent.objects.exists()


def test_a_large_body_is_refused_by_its_length(shop):
    """Trust: bounds on every body."""
    answer = shop.stripe.deliver(b"x" * (256 * 1024 + 1))
    check_problem(answer)
    assert answer.status_code == 413


@pytest.mark.parametrize("path", PATHS)
def test_only_post_is_answered(client, shop, path):
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_an_unknown_profile_is_not_found(shop):
    answer = shop.stripe.deliver(EVENT, path="/api/v1/stripe/webhook/nobody")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "body", [b"", b"\xff\x00", b"[]", b'{"id":"evt_1","type":"invoice.paid"}', b"[" * 90_000]
)
def test_what_is_signed_and_not_understood_is_kept_and_parked(shop, body):
    """Trust, Stripe: parked for staff, never answered 200 and lost; no 5xx."""
    assert shop.stripe.deliver(body).status_code == 200
    shop.sweep()
    row = StripeEvent.objects.get()
    assert (row.state, row.reason in ("unreadable", "shape_unknown")) == ("parked", True)
    assert kinds("stripe_event.") == ["stripe_event.parked"]


def test_other_events_are_acknowledged_and_ignored(shop):
    """E17."""
    assert shop.stripe.deliver({**EVENT, "type": "customer.created"}).status_code == 200
    assert (shop.sweep(), states()["customer.created"]) == (0, ("ignored", "not_handled"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"livemode": True}, "livemode_mismatch"), ({"account": "acct_2"}, "foreign_account")],
)
def test_an_event_of_another_mode_or_account_is_parked(shop, change, reason):
    """Trust, Stripe."""
    shop.stripe.deliver({**EVENT, **change})
    shop.sweep()
    assert states()[EVENT["type"]] == ("parked", reason)


def test_an_event_of_the_profiles_own_account_is_not(shop):
    MerchantProfile.objects.update(stripe_account="acct_2")
    shop.stripe.deliver({**EVENT, "account": "acct_2"})
    shop.sweep()
    assert states()[EVENT["type"]] == ("parked", "object_missing")


# --- trying again -----------------------------------------------------------------------------------


def test_while_stripe_is_out_nothing_is_issued_and_it_is_tried_for_three_days(shop, one_off):
    """C27: provider unreachable, acknowledged, issued nothing, reconciled later."""
    shop.stripe.pay(shop.order(one_off).session_id)
    shop.take_in("checkout.session.completed")
    shop.stripe.fail_next("/v1/checkout/sessions/", 500, times=1000)
    shop.sweep()
    row = StripeEvent.objects.get(state="received", attempts=1)
    assert (License.objects.count(), row.due_at) == (0, shop.now + timedelta(seconds=15))
    StripeEvent.objects.update(attempts=60)
    shop.wait(hours=73)
    shop.sweep()
    assert states()["checkout.session.completed"] == ("parked", "stripe_unreachable")
    shop.stripe.control("fail", clear=True)
    event_rerun(event=row, actor=ACTOR, at=shop.now)
    shop.sweep()
    assert License.objects.count() == 1
    assert kinds("stripe_event.") == ["stripe_event.parked", "stripe_event.rerun"]


def test_it_is_tried_again_by_itself_when_stripe_is_back(shop, one_off):
    shop.stripe.pay(shop.order(one_off).session_id)
    shop.take_in("checkout.session.completed")
    shop.stripe.fail_next("/v1/checkout/sessions/", 503, times=1000)
    shop.sweep()
    shop.stripe.control("fail", clear=True)
    shop.wait(seconds=20)
    shop.sweep()
    assert License.objects.count() == 1


def test_a_worker_that_dies_leaves_its_event_to_the_next(shop, one_off, monkeypatch):
    """Trust, Stripe: a sweeper finishes what a crash stranded."""
    shop.stripe.pay(shop.order(one_off).session_id)
    shop.take_in("checkout.session.completed")
    row = StripeEvent.objects.get(state="received")
    with monkeypatch.context() as dying:
        dying.setattr(processing, "event_handle", killed)
        with pytest.raises(KeyboardInterrupt):
            event_process(pk=row.pk, at=shop.now)
    assert shop.sweep() == 0
    shop.wait(minutes=6)
    assert (shop.sweep(), License.objects.count()) == (1, 1)


def test_one_worker_has_an_event_at_a_time(shop, one_off, monkeypatch):
    shop.stripe.pay(shop.order(one_off).session_id)
    shop.take_in("checkout.session.completed")
    row = StripeEvent.objects.get(state="received")
    read, others = gateway.session_read, []

    def meanwhile(merchant, session_id):
        others.append(event_process(pk=row.pk, at=shop.now))
        return read(merchant, session_id)

    monkeypatch.setattr(gateway, "session_read", meanwhile)
    assert (event_process(pk=row.pk, at=shop.now), others) == ("done", [None])


@pytest.mark.parametrize("error", [RuntimeError("poison"), OperationalError("gone")])
def test_a_poison_event_stops_no_other_and_is_parked_in_the_end(shop, one_off, monkeypatch, error):
    """Trust: a poison event."""
    shop.stripe.deliver({**EVENT, "id": "evt_poison", "type": "invoice.paid"})
    shop.stripe.pay(shop.order(one_off).session_id)
    handle = processing.event_handle

    def poisoned(work, noun):
        if noun == "invoice":
            raise error
        return handle(work, noun)

    monkeypatch.setattr(processing, "event_handle", poisoned)
    shop.work()
    assert License.objects.count() == 1
    StripeEvent.objects.filter(event_id="evt_poison").update(attempts=99, received_at=shop.now)
    shop.wait(hours=73)
    shop.sweep()
    assert states()["invoice.paid"] == ("parked", "failed")


def killed(*_):
    raise KeyboardInterrupt


# --- by hand, and in the end --------------------------------------------------------------------------


def test_what_still_waits_is_not_run_again(shop):
    from billing.services.inbox import NotParked

    shop.stripe.deliver(EVENT)
    with pytest.raises(NotParked):
        event_rerun(event=StripeEvent.objects.get(), actor=ACTOR, at=shop.now)


def test_what_is_done_is_forgotten_after_a_while_and_what_is_parked_is_not(shop, settings):
    settings.STRIPE_EVENT_KEEP_DAYS = 10
    shop.stripe.deliver({**EVENT, "type": "customer.created"})
    shop.stripe.deliver({**EVENT, "id": "evt_2"})
    shop.sweep()
    assert events_expire(at=shop.now + timedelta(days=9)) == 0
    assert events_expire(at=shop.now + timedelta(days=10)) == 1
    assert StripeEvent.objects.get().state == "parked"


def test_bodies_are_sealed_anew_when_the_key_is_rotated(shop, settings):
    shop.stripe.deliver(EVENT)
    old = settings.KEY_ENCRYPTION_KEYS
    settings.KEY_ENCRYPTION_KEYS = ["cm90YXRlZC1rZXktMzItYnl0ZXMtcm90YXRlZC1rZXk=", *old]
    assert events_reseal() == 1
    settings.KEY_ENCRYPTION_KEYS = settings.KEY_ENCRYPTION_KEYS[:1]
    assert json.loads(unseal(bytes(StripeEvent.objects.get().raw)))["id"] == "evt_1"


def test_a_profile_of_its_own_has_its_own_secrets(shop):
    """C32: each profile's events are verified by its secrets."""
    MerchantProfile.objects.create(
        slug="labs",
        name="Labs",
        api_key=seal(b"sk_test_double"),
        webhook_secrets=seal(b"whsec_labs\nwhsec_old"),
    )
    listeners_forget()
    path = "/api/v1/stripe/webhook/labs"
    assert shop.stripe.deliver(EVENT, path=path).status_code == 400
    assert shop.stripe.deliver(EVENT, path=path, secret="whsec_old").status_code == 200
    assert StripeEvent.objects.get().merchant.slug == "labs"


def test_a_sweep_ends_when_nothing_is_due(shop):
    assert events_sweep(clock=lambda: shop.now) == 0
