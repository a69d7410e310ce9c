from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from billing.errors import Exists, InUse
from billing.gateway.client import key_of
from billing.models import MerchantProfile
from billing.selectors.catalogue import default_merchant, merchant_of
from billing.services.merchants import (
    DefaultStays,
    merchant_create,
    merchant_default_ensure,
    merchant_delete,
    merchant_make_default,
    merchant_update,
    merchants_reseal,
)
from billing.services.offers import offer_update
from config.kit.errors import Invalid
from history.models import Event

pytestmark = pytest.mark.django_db
BY = {"actor": "cli:test"}


@pytest.fixture
def other(at):
    return merchant_create(
        slug="us", name="US", api_key="sk_test_us", webhook_secrets=["whsec_a"], at=at, **BY
    )


def test_there_is_a_default_profile_from_the_start():
    """C32: ensuring it again changes nothing."""
    assert merchant_default_ensure() == default_merchant()
    assert MerchantProfile.objects.count() == 1


def test_exactly_one_is_the_default(other, at):
    """C32: another one takes over, and the database holds it."""
    merchant_make_default(merchant=other, at=at, **BY)
    merchant_make_default(merchant=other, at=at, **BY)
    assert list(MerchantProfile.objects.filter(is_default=True)) == [other]
    assert Event.objects.filter(kind="merchant.changed").count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        MerchantProfile.objects.update(is_default=True)


def test_secrets_are_sealed_and_stay_unless_they_are_given(other, at):
    """C32, trust: nothing secret in the row, nor in the history."""
    assert b"sk_test_us" not in bytes(other.api_key)
    assert key_of(other) == "sk_test_us"
    same = merchant_update(merchant=other, name="United States", at=at, **BY)
    assert key_of(same) == "sk_test_us"
    assert Event.objects.get(kind="merchant.changed").data["fields"] == ["name"]
    gone = merchant_update(merchant=other, api_key="", webhook_secrets=[], at=at, **BY)
    assert (gone.api_key, gone.webhook_secrets) == (None, None)
    assert "sk_test" not in str(list(Event.objects.values_list("data", flat=True)))


def test_sealed_secrets_follow_a_rotation(other):
    """Trust: several key-encryption keys."""
    before = bytes(other.api_key)
    assert merchants_reseal() == 1
    other.refresh_from_db()
    assert bytes(other.api_key) != before
    assert key_of(other) == "sk_test_us"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"api_key": "pk_live_public"}, "api_key"),
        ({"webhook_secrets": ["secret"]}, "webhook_secrets"),
        ({"redirect_hosts": ["https://shop.example.com/"]}, "redirect_hosts"),
        ({"redirect_hosts": "shop.example.com"}, "redirect_hosts"),
        ({"slug": "US"}, "slug"),
        ({"support_email": "nobody"}, "support_email"),
        ({"mail_from": "A\nBcc: b@example.com"}, "mail_from"),
        ({"is_default": True}, "is_default"),
    ],
)
def test_a_bad_profile_is_refused_by_field(fields, field, at):
    """C32, trust: hosts are names, a sender is one line, being the default is a step of its own."""
    with pytest.raises(Invalid) as error:
        merchant_create(**{"slug": "eu", "name": "EU", **fields}, at=at, **BY)
    assert [one.field for one in error.value.errors] == [field]


def test_a_name_is_taken_once_and_stays(other, at):
    """C32."""
    with pytest.raises(Exists):
        merchant_create(slug="us", name="Again", at=at, **BY)
    with pytest.raises(Invalid):
        merchant_update(merchant=other, slug="usa", at=at, **BY)


def test_a_profile_in_use_stays(other, offer, at):
    """C32: neither the default nor one that something refers to is deleted."""
    offer_update(offer=offer, merchant=other, at=at, **BY)
    with pytest.raises(InUse, match="offers"):
        merchant_delete(merchant=other, at=at, **BY)
    with pytest.raises(DefaultStays):
        merchant_delete(merchant=default_merchant(), at=at, **BY)
    offer_update(offer=offer, merchant=None, at=at, **BY)
    merchant_delete(merchant=other, at=at, **BY)
    assert Event.objects.get(kind="merchant.deleted").subject == "merchant:us"
    assert not Event.objects.filter(kind="merchant.deleted", subject="merchant:default").exists()


def test_what_was_begun_keeps_its_profile_when_the_offer_moves(other, offer, make_checkout, at):
    """C32: the offer sells for another profile from now on only."""
    begun = make_checkout(offer)
    moved = offer_update(offer=offer, merchant=other, at=at, **BY)
    begun.refresh_from_db()
    assert (begun.merchant, merchant_of(moved)) == (default_merchant(), other)
