"""Rows of the room above that accounts must respect, made without its services."""

from __future__ import annotations

import pytest


@pytest.fixture
def make_license(db, at):
    """Return a maker of bare licenses: `make_license(account)`."""
    from licenses.models import License, Plan, Product

    def make(account, **fields):
        product, _ = Product.objects.get_or_create(
            slug="demo", defaults={"product_key": "demo", "name": "Demo", "audience": "demo"}
        )
        plan, _ = Plan.objects.get_or_create(
            product=product, slug="enterprise", defaults={"name": "Enterprise"}
        )
        given = {"kind": "commercial", "edition": "enterprise", "starts_at": at, "created_by": "cli:test"}
        return License.objects.create(
            account=account, product=product, plan=plan, plan_code=plan.slug, **{**given, **fields}
        )

    return make
