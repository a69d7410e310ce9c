"""The delivery log does not grow for ever, and forgets nothing that a person must see."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.kit.errors import Invalid
from history.services import sequence
from notifications.models import Delivery, DeliveryAttempt
from notifications.services.deliveries import delivery_of
from notifications.services.replaying import deliveries_replay_since
from notifications.services.webhook_retention import deliveries_expire

pytestmark = pytest.mark.django_db
DAYS = timedelta(days=1)


@pytest.fixture
def log(make_endpoint, happen, at):
    """One delivery of each state, made `at`, each with an attempt."""
    endpoint = make_endpoint(kinds=["license.revoked"])
    rows, events = [], happen(5)
    sequence(at=at)
    for event, state in zip(events, ("queued", "claimed", "delivered", "dead", "cancelled"), strict=True):
        row = delivery_of(endpoint, event, at)
        row.state, row.created_at = state, at
        row.save()
        DeliveryAttempt.objects.create(delivery=row, number=1, at=at, status=200)
        rows.append(row)
    return rows


def test_what_arrived_is_removed_after_its_time(log, at, settings):
    """Delivered and cancelled ones go with their attempts; what waits or is dead stays."""
    settings.WEBHOOK_KEEP_DAYS = 90
    assert deliveries_expire(at=at + 90 * DAYS) == 0
    assert deliveries_expire(at=at + 91 * DAYS) == 2
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["claimed", "dead", "queued"]
    assert DeliveryAttempt.objects.count() == 3
    assert deliveries_expire(at=at + 91 * DAYS) == 0


def test_what_is_forgotten_is_not_sent_again(log, at):
    """Without its delivery an event that arrived would look missed."""
    with pytest.raises(Invalid) as refused:
        deliveries_replay_since(endpoint=log[0].endpoint, since=at, actor="user:1", at=at + 91 * DAYS)
    assert refused.value.errors[0].code == "too_old"
