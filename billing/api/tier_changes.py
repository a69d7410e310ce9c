"""Changing the plan of a license over HTTP: a quote first, then the change (C29)."""

from __future__ import annotations

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import PARAMETER
from billing.api import checkout_examples as examples
from billing.api import checkout_shapes as shapes
from billing.api.checkouts import presented_order
from billing.api.repeating import begun_once
from billing.models import Offer
from billing.selectors import orders
from billing.selectors.catalogue import offer_by_lookup_key
from billing.services.reaping import checkout_expire
from billing.services.tier_changes import tier_change_cancel
from billing.services.tier_orders import tier_change_begin
from billing.tiers import offer_for, tier_quote
from config.kit.api.permissions import Scope
from config.kit.api.views import Operation
from config.kit.errors import FieldError, Invalid
from licenses.api.fields import accept
from licenses.models import License
from licenses.selectors import license_get, plan_by_code

TAGS = ["tier changes"]
RULES = (
    "400 `tier_change_refused` names each rule that refuses: `tier_unranked`, `tier_not_active`, `tier_same_rank`, "
    "`tier_perpetual_downgrade`, `tier_other_product`, `tier_other_term`, `tier_other_period`, "
    "`tier_other_currency`."
)


class TierQuote(Operation):
    required_scope = Scope.CHECKOUT_CREATE

    @extend_schema(
        operation_id="tier_quote",
        tags=TAGS,
        summary="What moving a license to another plan costs now (C29)",
        description=f"Writes nothing. {RULES} 409 `subscription_not_active` or `tier_unpriced`.",
        request=shapes.TierTarget,
        responses=shapes.TierQuoteOutput,
        examples=[examples.TIER_QUOTE],
    )
    def post(self, request: Request, license_id: str) -> Response:
        row = license_get(license_id, self.principal)
        offer = _offer(row, accept(shapes.TierTarget, request))
        return Response(shapes.TierQuoteOutput(tier_quote(license=row, offer=offer, at=self.at)).data)


class TierChangeCreate(Operation):
    required_scope = Scope.CHECKOUT_CREATE

    @extend_schema(
        operation_id="tier_change_create",
        tags=TAGS,
        summary="Move a license to another plan (C29)",
        description=(
            "An upgrade that costs something answers with a place to pay at, and is made when it is paid; one that "
            f"costs nothing is made at once; a downgrade waits for the next renewal. {RULES} 409 "
            "`tier_quote_changed` when `expected_minor` is no longer right, `tier_change_pending` while another "
            "change waits."
        ),
        parameters=[PARAMETER],
        request=shapes.TierChangeInput,
        responses={201: shapes.TierChangeOutput},
        examples=[examples.TIER_CHANGE],
    )
    def post(self, request: Request, license_id: str) -> Response:
        values = accept(shapes.TierChangeInput, request)
        row = license_get(license_id, self.principal)
        target: dict[str, str] = {name: values.pop(name) for name in ("lookup_key", "plan") if name in values}
        offer = _offer(row, target)
        begun = begun_once(
            self,
            request,
            lambda: (
                tier_change_begin(
                    license=row, offer=offer, **values, actor=self.principal.actor, at=self.at
                ).uid
            ),
        )
        change = orders.tier_change_get(begun.uid)
        if change.checkout is not None:
            change.checkout = presented_order(begun, orders.checkout_get(change.checkout.uid), self)
        answer = Response(shapes.TierChangeOutput(change).data, status=status.HTTP_201_CREATED)
        return begun.mark(answer)


class TierChangeCancel(Operation):
    required_scope = Scope.CHECKOUT_CREATE

    @extend_schema(
        operation_id="tier_change_cancel",
        tags=TAGS,
        summary="Give up a change of plan that waits for its payment or its renewal",
        description="409 `tier_change_over` when it was applied or given up before.",
        request=None,
        responses=shapes.TierChangeOutput,
        examples=[examples.TIER_CHANGE],
    )
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        change = orders.tier_change_seen(uid, self.principal)
        actor = self.principal.actor
        if change.checkout is not None and change.ended_at is None:
            checkout_expire(checkout=change.checkout, actor=actor, at=self.at)
        else:
            tier_change_cancel(change=change, reason="asked_for", actor=actor, at=self.at)
        return Response(shapes.TierChangeOutput(orders.tier_change_get(uid)).data)


def _offer(row: License, target: dict[str, str]) -> Offer:
    """The offer that is named, by exactly one of its two names."""
    if len(target) != 1:
        raise Invalid([FieldError("plan", "one_of", "Name the plan or the lookup key.")])
    if "lookup_key" in target:
        return offer_by_lookup_key(target["lookup_key"])
    return offer_for(row, plan_by_code(row.product, target["plan"]))
