"""Counting visits of a vendor's pages (A24): the one operation that a page of any site may call."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from config.kit.api.parsers import StrictJSONParser
from config.kit.api.permissions import PUBLIC
from config.kit.api.serializers import Input
from config.kit.api.throttling import ClientThrottle
from config.kit.api.views import Operation
from licenses.api.fields import Text, accept
from trials.domain.touches import read_touch
from trials.services.traffic import visit_count

PREFLIGHT_SECONDS = 86_400


class VisitInput(Input):
    source = Text(max_length=200, required=False, allow_blank=True)  # type: ignore[assignment] # Field has a `source` of its own
    medium = Text(max_length=200, required=False, allow_blank=True)
    campaign = Text(max_length=200, required=False, allow_blank=True)


class VisitOutput(serializers.Serializer[None]):
    counted = serializers.BooleanField()


class PlainJSONParser(StrictJSONParser):
    """JSON under the type that a browser sends to other sites without asking first."""

    media_type = "text/plain"


class VisitThrottle(ClientThrottle):
    """A made-up figure is worse than a missing one: nothing is counted while nobody counts the callers."""

    open_in_outage = False


class VisitCreate(Operation):
    required_scope = PUBLIC
    authentication_classes = ()
    parser_classes = (StrictJSONParser, PlainJSONParser)
    throttle_classes = (VisitThrottle,)

    @extend_schema(
        operation_id="visits_create",
        tags=["trials"],
        summary="Count one visit (A24)",
        description=(
            "By day, source, medium and campaign, and nothing of the visitor. Pages of any site may call it; "
            "JSON is taken as `text/plain`, too, which browsers send without asking first."
        ),
        request=VisitInput,
        responses={202: VisitOutput},
    )
    def post(self, request: Request) -> Response:
        visit_count(touch=read_touch(accept(VisitInput, request)), at=self.at)
        return Response({"counted": True}, status=status.HTTP_202_ACCEPTED)


def from_any_site(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let pages of any origin call a view that reads no cookie and no credential (CORS)."""

    @csrf_exempt  # no credential is read, so none can be misused
    @wraps(view)
    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        response = HttpResponse(status=204) if preflight else view(request, *args, **kwargs)
        response.headers["Access-Control-Allow-Origin"] = "*"
        if preflight:
            response.headers["Access-Control-Allow-Methods"] = "POST"
            response.headers["Access-Control-Allow-Headers"] = "Content-Type"
            response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
        return response

    return answer
