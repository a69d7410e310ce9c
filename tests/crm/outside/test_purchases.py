"""Purchases beside an outside CRM that is down: they settle, and the buyer arrives there later, once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from licenses.models import License
from tests.billing.buying import *  # noqa: F403 - a shop to buy in
from tests.billing.conftest import *  # noqa: F403 - and what it sells
from tests.crm.fakes.server import HTML

pytestmark = [pytest.mark.enable_socket, pytest.mark.usefixtures("shown")]


def test_a_purchase_settles_while_the_crm_is_down_and_the_buyer_arrives_later(twenty, shop, one_off, follow):
    """D18: purchases are unaffected by it, and nothing is lost."""
    twenty.fake.fail(503, HTML, times=1000)
    shop.buy(one_off)
    assert License.objects.get().status == "active"
    assert twenty.fake.asked == []  # nobody waited for it
    follow()
    twenty.sync()
    assert "503" in twenty.row.held_reason
    twenty.fake.faults.clear()
    twenty.sync(later=timedelta(hours=1))
    assert [one["name"]["lastName"] for one in twenty.fake.living("people")] == ["Buyer"]
    assert twenty.sync() == []
