"""Buyers who are written to."""

from __future__ import annotations

import pytest
from django.db import transaction

from tests.billing.money import *  # noqa: F403 - mail about payments
from tests.licenses.conftest import *  # noqa: F403 - and licenses


@pytest.fixture
def tell(db, at):
    """Return what lets the reader hear of an event about money: `tell(payment)`, `tell(cycle, kind, **data)`."""
    from history.services import reader_run, record, sequence
    from notifications.services.buyer_mail import READER

    def read():
        sequence(at=at)
        reader_run(READER, at=at)

    read()

    def happen(row, kind="payment.settled", **data):
        subject = f"payment:{row.uid}" if hasattr(row, "uid") else f"subscription:{row.stripe_id}"
        with transaction.atomic():
            record(
                kind=kind,
                subject=subject,
                account=row.account.customer_id,
                actor="system:stripe",
                data=data,
                at=at,
            )
        read()

    return happen
