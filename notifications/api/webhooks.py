"""Operations on outbound webhooks: endpoints, their secrets, what was sent to them (C31)."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import idempotent
from accounts.selectors import demand_back_office
from config.kit import clock
from config.kit.api.inspector import listed
from config.kit.api.permissions import Scope
from config.kit.api.views import ListOperation, Operation
from licenses.api.fields import accept
from notifications.api import webhook_examples as examples
from notifications.api import webhook_shapes as shapes
from notifications.api.webhook_filters import DeliveryFilter, WebhookFilter
from notifications.models import Delivery, WebhookEndpoint
from notifications.selectors import webhooks as selectors
from notifications.services.deliveries import webhook_test
from notifications.services.replaying import deliveries_replay_dead, deliveries_replay_since, delivery_replay
from notifications.services.webhooks import webhook_create, webhook_delete, webhook_rotate, webhook_update

TAGS = ["webhooks"]


class WebhookOperation(Operation):
    """Endpoints hear of every account: a credential that is bound to one may not see them."""

    required_scope = Scope.WEBHOOKS_MANAGE

    def endpoint(self, uid: UUID) -> WebhookEndpoint:
        demand_back_office(self.principal)
        return selectors.endpoint_get(uid)


@listed(
    operation_id="webhook_endpoints_list",
    tags=TAGS,
    summary="List the webhook endpoints, newest first",
    responses=shapes.WebhookOutput(many=True),
    examples=[examples.WEBHOOK],
)
class WebhookList(ListOperation):
    required_scope = Scope.WEBHOOKS_MANAGE
    filterset_class = WebhookFilter
    output = shapes.WebhookOutput

    def rows(self) -> QuerySet[WebhookEndpoint]:
        demand_back_office(self.principal)
        return selectors.endpoints()


class WebhookCreate(WebhookOperation):
    @extend_schema(
        operation_id="webhook_endpoints_create",
        tags=TAGS,
        summary="Add an endpoint; its secret is in this answer only",
        description="Requests are signed by Standard Webhooks: https://www.standardwebhooks.com.",
        request=shapes.WebhookCreateInput,
        responses={201: shapes.WebhookWithSecret},
        examples=[examples.CREATE, examples.WITH_SECRET],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        demand_back_office(self.principal)
        values = accept(shapes.WebhookCreateInput, request)
        row, secret = webhook_create(**values, actor=self.principal.actor, at=self.at)
        return Response({**shapes.WebhookOutput(row).data, "secret": secret}, status=status.HTTP_201_CREATED)


class WebhookRead(WebhookOperation):
    @extend_schema(
        operation_id="webhook_endpoints_read",
        tags=TAGS,
        summary="Read one endpoint",
        responses=shapes.WebhookOutput,
        examples=[examples.WEBHOOK],
    )
    def get(self, request: Request, uid: UUID) -> Response:
        return Response(shapes.WebhookOutput(self.endpoint(uid)).data)


class WebhookUpdate(WebhookOperation):
    @extend_schema(
        operation_id="webhook_endpoints_update",
        tags=TAGS,
        summary="Change an endpoint, or switch it on or off",
        request=shapes.WebhookUpdateInput,
        responses=shapes.WebhookOutput,
        examples=[examples.WEBHOOK],
    )
    def patch(self, request: Request, uid: UUID) -> Response:
        row = webhook_update(
            endpoint=self.endpoint(uid),
            changes=accept(shapes.WebhookUpdateInput, request),
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(shapes.WebhookOutput(row).data)


class WebhookDelete(WebhookOperation):
    @extend_schema(
        operation_id="webhook_endpoints_delete",
        tags=TAGS,
        summary="Remove an endpoint; what waits is cancelled, its secrets are destroyed",
        description="Answers with the endpoint as it was left. Its deliveries stay in the admin's log.",
        responses={200: shapes.WebhookOutput},
        examples=[examples.DELETED],
    )
    def delete(self, request: Request, uid: UUID) -> Response:
        row = webhook_delete(endpoint=self.endpoint(uid), actor=self.principal.actor, at=self.at)
        return Response(shapes.WebhookOutput(row).data)


class WebhookRotate(WebhookOperation):
    @extend_schema(
        operation_id="webhook_endpoints_rotate",
        tags=TAGS,
        summary="Make a new secret; for 24 hours the one before signs as well",
        request=None,
        responses=shapes.WebhookWithSecret,
        examples=[examples.WITH_SECRET],
    )
    @idempotent
    def post(self, request: Request, uid: UUID) -> Response:
        row, secret = webhook_rotate(endpoint=self.endpoint(uid), actor=self.principal.actor, at=self.at)
        return Response({**shapes.WebhookOutput(row).data, "secret": secret})


class WebhookTest(WebhookOperation):
    @extend_schema(
        operation_id="webhook_endpoints_test",
        tags=TAGS,
        summary="Send a test event now and say what came back",
        description="Waits up to 15 seconds for the receiver. Tried once.",
        request=None,
        responses=shapes.TestOutput,
        examples=[examples.TESTED],
    )
    def post(self, request: Request, uid: UUID) -> Response:
        attempt = webhook_test(endpoint=self.endpoint(uid), clock=clock.now)
        return Response(shapes.TestOutput(attempt).data)


class WebhookReplay(WebhookOperation):
    @extend_schema(
        operation_id="webhook_endpoints_replay",
        tags=TAGS,
        summary="Send again what is dead, or everything that did not arrive since an instant",
        description="Each keeps its `webhook-id`. 409 `too_many_to_replay` beyond 5000 at once.",
        request=shapes.ReplayInput,
        responses=shapes.ReplayedOutput,
        examples=[examples.REPLAY, examples.REPLAYED],
    )
    @idempotent
    def post(self, request: Request, uid: UUID) -> Response:
        row, values = self.endpoint(uid), accept(shapes.ReplayInput, request)
        if "since" in values:
            count = deliveries_replay_since(endpoint=row, **values, actor=self.principal.actor, at=self.at)
        else:
            count = deliveries_replay_dead(endpoint=row, actor=self.principal.actor, at=self.at)
        return Response({"count": count})


@listed(
    operation_id="webhook_deliveries_list",
    tags=TAGS,
    summary="List what was sent, or is to be sent, to an endpoint, newest first",
    responses=shapes.DeliveryOutput(many=True),
    examples=[examples.DELIVERY],
)
class DeliveryList(ListOperation):
    required_scope = Scope.WEBHOOKS_MANAGE
    filterset_class = DeliveryFilter
    output = shapes.DeliveryOutput

    def rows(self) -> QuerySet[Delivery]:
        demand_back_office(self.principal)
        return selectors.deliveries_of(selectors.endpoint_get(self.kwargs["uid"]))


class DeliveryRead(WebhookOperation):
    @extend_schema(
        operation_id="webhook_deliveries_read",
        tags=TAGS,
        summary="Read one delivery with its body and every attempt",
        responses=shapes.DeliveryDetail,
        examples=[examples.DETAIL],
    )
    def get(self, request: Request, uid: UUID, delivery: UUID) -> Response:
        row = selectors.delivery_get(self.endpoint(uid), delivery)
        return Response(shapes.DeliveryDetail(row, context={"log": selectors.attempts_of(row)}).data)


class DeliveryReplay(WebhookOperation):
    @extend_schema(
        operation_id="webhook_deliveries_replay",
        tags=TAGS,
        summary="Send one delivery again, whatever became of it",
        request=None,
        responses=shapes.DeliveryOutput,
        examples=[examples.DELIVERY],
    )
    @idempotent
    def post(self, request: Request, uid: UUID, delivery: UUID) -> Response:
        row = delivery_replay(
            delivery=selectors.delivery_get(self.endpoint(uid), delivery),
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(shapes.DeliveryOutput(row).data)
