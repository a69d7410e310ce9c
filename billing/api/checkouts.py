"""Orders over HTTP: checkout sessions, maintenance, the customer portal (E14-E16, E29, E32)."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import PARAMETER
from billing.api import checkout_examples as examples
from billing.api import checkout_shapes as shapes
from billing.api.naming import for_operator
from billing.api.repeating import Begun, begun_once
from billing.gateway import StripeRefused
from billing.models import Checkout
from billing.selectors import orders
from billing.services.checkouts import checkout_present, maintenance_reserve
from billing.services.portal import portal_url, subscription_ref
from billing.services.reservations import Buyer, Wish, checkout_reserve
from config.kit.api.permissions import Scope
from config.kit.api.views import Operation
from licenses.api.fields import accept
from licenses.selectors import license_get

TAGS = ["checkout"]
BUYER = ("email", "organization_name", "organization_long_name", "cookie_domain", "signature", "utm")
Shape = type[serializers.Serializer[Any]]


class OrderOperation(Operation):
    """An operation that begins an order and then gives it a place to pay at."""

    required_scope = Scope.CHECKOUT_CREATE
    given: Shape
    answer: Shape = shapes.CheckoutOutput

    def presented(self, begun: Begun) -> Response:
        """Answer with the session; a refusal of Stripe's frees the key for a corrected call."""
        checkout = presented_order(begun, orders.checkout_get(begun.uid), self)
        return begun.mark(Response(self.answer(checkout).data, status=status.HTTP_201_CREATED))


def presented_order(begun: Begun, checkout: Checkout, view: Operation) -> Checkout:
    """The order with its session. Raises StripeUnavailable (503), StripeRefused and CheckoutEnded (409)."""
    try:
        return checkout_present(checkout=checkout, at=view.at)
    except StripeRefused:
        begun.forget()
        raise


class CheckoutCreate(OrderOperation):
    given = shapes.CheckoutInput

    @extend_schema(
        operation_id="checkout_create",
        tags=TAGS,
        summary="Open a checkout session (E14)",
        description=(
            "Reserves units and the coupon's slot, and answers with Stripe's page. 400 `coupon_refused` names the "
            "rule at `/coupon`; 400 for seats outside the bounds, and for addresses on a host that the merchant "
            "does not list; 403 `not_your_group`; 404 `unknown_product`; 409 `sold_out`, `offer_closed` or "
            "`stripe_refused`; 503 `stripe_unavailable`: the same Idempotency-Key may then be sent again."
        ),
        parameters=[PARAMETER],
        request=shapes.CheckoutInput,
        responses={201: shapes.CheckoutOutput},
        examples=[examples.ASKED, examples.OPENED],
    )
    def post(self, request: Request) -> Response:
        values = accept(self.given, request)
        account = orders.account_acted_for(self.principal, values.pop("group", ""))
        buyer = Buyer(**{name: values.pop(name) for name in BUYER if name in values})
        wish = Wish(**values, buyer=buyer, internal=self.principal.sees_every_group)
        return self.presented(
            begun_once(
                self,
                request,
                lambda: (
                    checkout_reserve(wish=wish, account=account, actor=self.principal.actor, at=self.at).uid
                ),
            )
        )


class MaintenanceCheckoutCreate(OrderOperation):
    given = shapes.MaintenanceInput

    @extend_schema(
        operation_id="maintenance_checkout_create",
        tags=TAGS,
        summary="Open a checkout session for one more year of maintenance (E32)",
        description=(
            "403 `maintenance_not_manual` for what is not perpetual with maintenance by hand; 404 for a license "
            "that is unknown or another group's. When it is paid the maintenance ends a year later."
        ),
        parameters=[PARAMETER],
        request=shapes.MaintenanceInput,
        responses={201: shapes.CheckoutOutput},
        examples=[examples.OPENED],
    )
    def post(self, request: Request) -> Response:
        values = accept(self.given, request)
        row = license_get(values.pop("license_id"), self.principal)
        return self.presented(
            begun_once(
                self,
                request,
                lambda: (
                    maintenance_reserve(license=row, **values, actor=self.principal.actor, at=self.at).uid
                ),
            )
        )


class CheckoutRead(Operation):
    required_scope = Scope.CHECKOUT_CREATE

    @extend_schema(
        operation_id="checkout_read",
        tags=TAGS,
        summary="Read an order: what it is for, and what became of it",
        responses=shapes.CheckoutRead,
        examples=[examples.READ],
    )
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        return Response(shapes.CheckoutRead(orders.checkout_seen(uid, self.principal)).data)


class PortalCreate(Operation):
    required_scope = Scope.CHECKOUT_CREATE
    given: Shape = shapes.PortalInput
    answer: Shape = shapes.PortalOutput

    @extend_schema(
        operation_id="portal_create",
        tags=TAGS,
        summary="Open Stripe's customer portal (E29)",
        description=(
            "For the customer of the authenticated group only, as it paid last: 403 `not_your_group`, 404 "
            "`no_customer` before the first payment. Nothing is kept: each call opens a portal of its own."
        ),
        request=shapes.PortalInput,
        responses={201: shapes.PortalOutput},
        examples=[examples.PORTAL],
    )
    def post(self, request: Request) -> Response:
        values = accept(self.given, request)
        account = orders.account_acted_for(self.principal, values.get("group", ""))
        url = portal_url(account=account, return_url=values.get("return_url", ""))
        return Response(self.answer({"url": url}).data, status=status.HTTP_201_CREATED)


class SubscriptionOfSession(Operation):
    required_scope = Scope.CHECKOUT_CREATE
    given: Shape = shapes.SessionInput
    answer: Shape = shapes.SubscriptionOutput

    @extend_schema(
        operation_id="session_subscription",
        tags=TAGS,
        summary="The subscription that a checkout session began (E29)",
        description="404 `no_subscription` when it began none, or is unknown, or another group's.",
        request=shapes.SessionInput,
        responses=shapes.SubscriptionOutput,
        examples=[examples.SUBSCRIPTION],
    )
    def post(self, request: Request) -> Response:
        session = accept(self.given, request)["session_id"]
        found = subscription_ref(checkout=orders.checkout_by_session(session, self.principal))
        return Response(self.answer({"subscription_id": found}).data)


OperatorCheckout = for_operator(
    CheckoutCreate, operation_id="operator_checkout_session", given=shapes.OperatorCheckoutInput,
    answer=shapes.OperatorCheckoutOutput, status=201,
)  # fmt: skip
OperatorMaintenance = for_operator(
    MaintenanceCheckoutCreate, operation_id="operator_maintenance_checkout",
    given=shapes.OperatorMaintenanceInput, answer=shapes.OperatorCheckoutOutput, status=201,
)  # fmt: skip
OperatorPortal = for_operator(
    PortalCreate, operation_id="operator_customer_portal", given=shapes.OperatorPortalInput,
    answer=shapes.OperatorPortalOutput, status=201,
)  # fmt: skip
OperatorSession = for_operator(
    SubscriptionOfSession, operation_id="operator_session_id", given=shapes.OperatorSessionInput,
    answer=shapes.OperatorSubscriptionOutput, status=200,
)  # fmt: skip
