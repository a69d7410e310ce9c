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

from accounts.models import Account
from accounts.services.accounts import account_create
from licenses.models import Product
from licenses.services.catalogue import plan_create, product_create

OURSELVES: Final = "this-installation"
DATA: Final = Path(__file__).parents[1] / "own_plans.json"


@dataclass(frozen=True, slots=True)
class Prepared:
    """The product, the account of this installation, and the codes of the plans that were made now."""

    product: Product
    account: Account
    created: bool
    plans: tuple[str, ...]


def master_prepare(*, actor: str, at: datetime) -> Prepared:
    """Make the product of Signet, its plans Creator, Pro and Patron, and an account for this installation.

    What exists stays as staff left it. Safe to repeat. Raises TierCap (402) where staff gave that product too many
    plans of their own; a catalogue that is full of other products is no hindrance.
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
        account = Account.objects.filter(slug=OURSELVES).first() or account_create(
            slug=OURSELVES, name="This installation", kind=Account.Kind.INTERNAL, actor=actor, at=at
        )
    return Prepared(product, account, created, tuple(plan["slug"] for plan in missing))
