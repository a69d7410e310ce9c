"""Operations on the history: events, and the proofs that nobody changed them."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.kit.api.inspector import listed
from config.kit.api.permissions import PUBLIC, Scope
from config.kit.api.views import ListOperation, Operation
from config.kit.errors import FieldError, Invalid
from history.models import Event
from history.services import consistency_prove, inclusion_prove
from licenses import listings
from licenses.api import examples
from licenses.api.filters import EventFilter
from licenses.api.shapes import history as shapes

TAGS = ["history"]
MAX_SIZE = 2**53 - 1
MAX_DIGITS = 16


def _size(name: str, *, required: bool) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        {"type": "integer", "minimum": 1, "maximum": MAX_SIZE},
        required=required,
        description="A number of entries.",
    )


def _size_of(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and 0 < int(text) <= MAX_SIZE):
        raise Invalid([FieldError(name, "invalid", f"A whole number from 1 to {MAX_SIZE}.")])
    return int(text)


def _demand_size(request: Request, name: str) -> int:
    size = _size_of(request, name)
    if size is None:
        raise Invalid([FieldError(name, "required", "A number of entries is needed.")])
    return size


@listed(
    operation_id="history_list",
    tags=TAGS,
    summary="List what happened, newest first",
    responses=shapes.EventOutput(many=True),
    examples=[examples.EVENT],
)
class EventList(ListOperation):
    required_scope = Scope.HISTORY_READ
    filterset_class = EventFilter
    output = shapes.EventOutput

    def rows(self) -> QuerySet[Event]:
        return listings.events_for(self.principal)


class EventProof(Operation):
    required_scope = Scope.HISTORY_READ

    @extend_schema(
        operation_id="history_proof",
        tags=TAGS,
        summary="Prove that an event stands in the history",
        description="Against the newest checkpoint, or the one of `size`. 409 `not_yet_provable` before it.",
        parameters=[_size("size", required=False)],
        responses=shapes.InclusionOutput,
    )
    def get(self, request: Request, uid: UUID) -> Response:
        event = listings.event_get(uid, self.principal)
        proof = inclusion_prove(event_id=event.pk, size=_size_of(request, "size"))
        return Response(proof.document())


class CheckpointRead(Operation):
    required_scope = PUBLIC
    authentication_classes = ()

    @extend_schema(
        operation_id="history_checkpoint",
        tags=TAGS,
        summary="Read the newest signed checkpoint (C2SP signed note)",
        description="Keep it outside: `history verify --checkpoint FILE` holds this installation to it.",
        responses={(200, "text/plain"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse:
        note = listings.newest_checkpoint().note
        return HttpResponse(note.encode(), content_type="text/plain; charset=utf-8")


class ConsistencyRead(Operation):
    required_scope = PUBLIC
    authentication_classes = ()

    @extend_schema(
        operation_id="history_consistency",
        tags=TAGS,
        summary="Prove that the history of one size is the beginning of that of another",
        parameters=[_size("from", required=True), _size("to", required=True)],
        responses=shapes.ConsistencyOutput,
    )
    def get(self, request: Request) -> Response:
        proof = consistency_prove(size1=_demand_size(request, "from"), size2=_demand_size(request, "to"))
        return Response(proof.document())
