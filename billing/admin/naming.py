"""Names of orders, for the lists of what happened."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress

from billing.models import Checkout
from config.kit.display import page_of
from history.naming import Named, Naming, naming_register

MOST = 20


def _names(ids: Sequence[str]) -> dict[str, Named]:
    uids = []
    for text in ids:
        with suppress(ValueError):
            uids.append(uuid.UUID(text))
    rows = Checkout.objects.select_related("offer").filter(uid__in=uids)
    return {str(row.uid): Named(f"Order of {row.offer.name}", page_of(row)) for row in rows}


def _find(text: str) -> list[str]:
    """By the whole id of the session, or the slug of the account."""
    rows = Checkout.objects.filter(session_id=text) | Checkout.objects.filter(account__slug=text.lower())
    return [str(uid) for uid in rows.order_by("-pk").values_list("uid", flat=True)[:MOST]]


naming_register("checkout", Naming(_names, _find))
