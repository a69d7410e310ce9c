"""Setting a master up: the product and the plans by which it licenses Signet itself, its own one included.

What they are is data (C13): `own_plans.json` says which plan carries which entitlement once, when a master is
set up; from then on whoever edits its plans does. Nothing implies another entitlement, so each names all (C7).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import transaction

from licenses.models import Product
from licenses.services.catalogue import plan_create, product_create

DATA: Final = Path(__file__).parents[1] / "own_plans.json"


@dataclass(frozen=True, slots=True)
class Prepared:
    """The product, and the codes of the plans that were made now."""

    product: Product
    created: bool
    plans: tuple[str, ...]


def master_prepare(*, actor: str, at: datetime) -> Prepared:
    """Make the product of Signet and its plans Creator, Pro and Patron where they are not there.

    What exists stays as staff left it. Safe to repeat. Raises TierCap (402) where the catalogue is full.
    """
    key, data = settings.SELF_LICENSE_PRODUCT, json.loads(DATA.read_text(encoding="utf-8"))
    with transaction.atomic():
        product = Product.objects.filter(audience=key).first()
        created = product is None
        if product is None:
            product = product_create(
                product_key=key,
                name=data["name"],
                entitlement_catalogue=data["entitlements"],
                actor=actor,
                at=at,
            )
        known = set(product.plans.values_list("slug", flat=True))
        missing = [plan for plan in data["plans"] if plan["slug"] not in known]
        for plan in missing:
            plan_create(product=product, actor=actor, at=at, **plan)
    return Prepared(product, created, tuple(plan["slug"] for plan in missing))
