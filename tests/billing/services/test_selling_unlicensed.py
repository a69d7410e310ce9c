"""What is for sale goes on being sold, whatever license we run under (C15, E27)."""

from __future__ import annotations

import pytest

from licenses.gates import standing_now
from licenses.models import License
from licenses.services.selflicense import selflicense_load

pytestmark = [pytest.mark.django_db, pytest.mark.own_license]


def test_stripe_s_path_is_whole_without_a_license(shop, make_offer):
    """C15: a subscription is put on sale, bought and licensed on the tier Creator."""
    shop.buy(make_offer("pro"))
    assert License.objects.count() == 1


def test_with_an_invalid_license_orders_webhooks_and_issuing_go_on(shop, make_offer, settings):
    """E27: the guard shuts the catalogue and nothing else."""
    offer = make_offer("pro")
    settings.SELF_LICENSE = "no license"
    selflicense_load(actor="cli:test", at=shop.now)
    assert standing_now(shop.now).guard == "invalid"
    shop.buy(offer)
    assert License.objects.count() == 1
