"""Operations on releases, and the manifest that an installation polls with its license."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseNotModified
from django.utils.http import parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from redis.exceptions import RedisError
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import idempotent
from accounts.selectors import demand_back_office
from config.kit.api.inspector import listed
from config.kit.api.pagination import CursorPage
from config.kit.api.permissions import BY_LICENSE, Scope
from config.kit.api.throttling import take
from config.kit.api.views import ListOperation, Operation
from config.kit.errors import TooMany, Unauthenticated
from licenses import listings
from licenses.api import examples
from licenses.api.fields import accept
from licenses.api.filters import ReleaseFilter
from licenses.api.shapes import releases as shapes
from licenses.beats import license_facts
from licenses.models import Release
from licenses.releases import release_get, releases_of
from licenses.services.heartbeats import demand_known, speaker_of
from licenses.services.manifests import manifest_sign
from licenses.services.releases import release_publish, release_update, release_withdraw

TAGS = ["releases"]
LIMIT = "60/hour"
MAX_AGE = 300
MEDIA_TYPE = "application/jwt"
log = structlog.get_logger(__name__)


class ReleasePage(CursorPage):
    ordering = ("-precedence",)


@listed(
    operation_id="releases_list",
    tags=TAGS,
    summary="List the releases of a product, the highest version first",
    description="For the back office: what a license may have, its manifest says.",
    responses=shapes.ReleaseOutput(many=True),
    examples=[examples.RELEASE],
)
class ReleaseList(ListOperation):
    required_scope = Scope.CATALOGUE_READ
    filterset_class = ReleaseFilter
    pagination_class = ReleasePage
    output = shapes.ReleaseOutput

    def rows(self) -> QuerySet[Release]:
        demand_back_office(self.principal)
        return releases_of(listings.product_get(self.kwargs["product_key"]))


class ReleaseCreate(Operation):
    required_scope = Scope.CATALOGUE_WRITE

    @extend_schema(
        operation_id="releases_create",
        tags=TAGS,
        summary="Publish a release of a product",
        request=shapes.ReleaseCreateInput,
        responses={201: shapes.ReleaseOutput},
        examples=[examples.RELEASE_CREATE, examples.RELEASE],
    )
    @idempotent
    def post(self, request: Request, product_key: str) -> Response:
        demand_back_office(self.principal)
        values = accept(shapes.ReleaseCreateInput, request)
        product = listings.product_get(product_key)
        row = release_publish(product=product, **values, actor=self.principal.actor, at=self.at)
        return Response(shapes.ReleaseOutput(row).data, status=status.HTTP_201_CREATED)


class ReleaseRead(Operation):
    required_scope = Scope.CATALOGUE_READ

    @extend_schema(
        operation_id="releases_read",
        tags=TAGS,
        summary="Read one release",
        responses=shapes.ReleaseOutput,
        examples=[examples.RELEASE],
    )
    def get(self, request: Request, product_key: str, version: str) -> Response:
        demand_back_office(self.principal)
        row = release_get(listings.product_get(product_key), version)
        return Response(shapes.ReleaseOutput(row).data)


class ReleaseUpdate(Operation):
    required_scope = Scope.CATALOGUE_WRITE

    @extend_schema(
        operation_id="releases_update",
        tags=TAGS,
        summary="Change channel, notes, address or demands of a release",
        description="Other bytes are another version: checksum, size and day are fixed once it is out.",
        request=shapes.ReleaseUpdateInput,
        responses=shapes.ReleaseOutput,
        examples=[examples.RELEASE],
    )
    def patch(self, request: Request, product_key: str, version: str) -> Response:
        demand_back_office(self.principal)
        row = release_update(
            release=release_get(listings.product_get(product_key), version),
            **accept(shapes.ReleaseUpdateInput, request),
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(shapes.ReleaseOutput(row).data)


class ReleaseWithdraw(Operation):
    required_scope = Scope.CATALOGUE_WRITE

    @extend_schema(
        operation_id="releases_withdraw",
        tags=TAGS,
        summary="Take a release back for good",
        description="No license gets it any more, and manifests name it with the reason. 409 the second time.",
        request=shapes.ReleaseWithdrawInput,
        responses=shapes.ReleaseOutput,
        examples=[examples.RELEASE_WITHDRAW, examples.RELEASE],
    )
    def post(self, request: Request, product_key: str, version: str) -> Response:
        demand_back_office(self.principal)
        row = release_withdraw(
            release=release_get(listings.product_get(product_key), version),
            reason=accept(shapes.ReleaseWithdrawInput, request)["reason"],
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(shapes.ReleaseOutput(row).data)


class ManifestRead(Operation):
    required_scope = BY_LICENSE
    authentication_classes = ()

    @extend_schema(
        operation_id="releases_manifest",
        tags=["deployments"],
        summary="Ask what your license may install: a signed manifest",
        description=(
            "A compact JWS of type `release-manifest+jwt`, to be verified offline with the public keys: the newest "
            "release of each channel, what else may be had, what is withheld and why, what was withdrawn. Ask with "
            "`If-None-Match`; 304 means that the manifest you hold is good for most of a day yet. 60 calls of one "
            "license an hour."
        ),
        parameters=[OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER)],
        responses={(200, MEDIA_TYPE): OpenApiTypes.STR, 304: None},
        examples=[examples.MANIFEST],
    )
    def get(self, request: Request) -> HttpResponse:
        pk = _license_pk(request, self.at)
        known = parse_etags(request.headers.get("If-None-Match", ""))
        answer = manifest_sign(license_pk=pk, known=[tag.removeprefix("W/") for tag in known], at=self.at)
        response = (
            HttpResponseNotModified()
            if answer.text is None
            else HttpResponse(answer.text, content_type=MEDIA_TYPE)
        )
        response.headers["ETag"] = answer.etag
        response.headers["Cache-Control"] = f"private, max-age={MAX_AGE}"
        response.headers["Vary"] = "Authorization"
        return response


def _license_pk(request: Request, at: datetime) -> int:
    """The license that asks, counted. Raises Unauthenticated, LicenseUnverified (401), TooMany."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise Unauthenticated("Send the license itself: Authorization: Bearer <license text>.")
    speaker = speaker_of(text, at=at)
    try:
        allowed, _, reset = take(f"manifest:{speaker.name}", LIMIT)
    except (RedisError, OSError) as error:
        log.warning("rate_limit_unavailable", error=repr(error))  # an update may not fail by that
        allowed, reset = True, 0
    if not allowed:
        raise TooMany("This license has asked for its manifest often enough for now.", retry_after=reset)
    return demand_known(license_facts(speaker.digest)).license_pk
