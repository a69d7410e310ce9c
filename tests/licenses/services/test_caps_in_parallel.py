"""Creator's last place, wanted by many at once, on PostgreSQL (C10)."""

from __future__ import annotations

import pytest

import history.tasks  # noqa: F401 - a commit runs them at once in tests
from config.kit.clock import now
from licenses.models import Product
from licenses.services.catalogue import product_create
from tests.licenses.services.test_concurrency import together

pytestmark = [pytest.mark.postgres, pytest.mark.own_license, pytest.mark.django_db(transaction=True)]


def test_ten_at_once_make_five_products():
    """C10, C16: decided under a lock."""
    at = now()

    def make(number):
        return lambda: product_create(product_key=f"p{number}", name="P", actor="cli:test", at=at)

    results = together([make(number) for number in range(10)])
    assert Product.objects.count() == 5
    assert results.count("tier_cap") == 5
