"""Operations on what belongs to a license: snapshots, their texts, renewals, history, state, signals."""

from __future__ import annotations

import hashlib
from typing import Any

import structlog
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from redis.exceptions import RedisError
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from config.kit.api.inspector import listed
from config.kit.api.permissions import PUBLIC, Scope
from config.kit.api.throttling import take
from config.kit.api.views import ListOperation, Operation
from config.kit.errors import TooMany
from history.models import Event
from licenses import listings, selectors
from licenses.api import examples
from licenses.api.fields import accept
from licenses.api.shapes import licenses as shapes
from licenses.api.shapes.history import EventOutput
from licenses.domain.enums import Format
from licenses.domain.formats import CODECS
from licenses.models import Issuance, Renewal
from licenses.services.artifacts import artifact_filename, artifact_text
from licenses.services.signals import signal_receive
from licenses.statuses import license_status

TAGS = ["issuances"]
SIGNAL_LIMIT = "60/hour"
log = structlog.get_logger(__name__)


def download(issuance: Issuance, text: str) -> HttpResponse:
    """The bytes of a license exactly as they were signed, as a file (E23)."""
    response = HttpResponse(text.encode(), content_type=CODECS[Format(issuance.format)].content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{artifact_filename(issuance)}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


class OfLicense(ListOperation):
    """A list that belongs to one license; another account's license answers like an unknown one."""

    required_scope = Scope.LICENSES_READ
    filter_backends = ()

    @property
    def license_id(self) -> str:
        return str(self.kwargs["license_id"])


@listed(
    operation_id="licenses_issuances",
    tags=TAGS,
    summary="List the snapshots of a license, newest first",
    responses=shapes.IssuanceOutput(many=True),
    examples=[examples.ISSUANCE],
)
class IssuanceList(OfLicense):
    output = shapes.IssuanceOutput

    def rows(self) -> QuerySet[Issuance]:
        return listings.issuances_of(selectors.license_get(self.license_id, self.principal))


@listed(
    operation_id="licenses_renewals",
    tags=TAGS,
    summary="List the renewals of a license, newest first",
    responses=shapes.RenewalOutput(many=True),
)
class RenewalList(OfLicense):
    output = shapes.RenewalOutput

    def rows(self) -> QuerySet[Renewal]:
        return listings.renewals_of(selectors.license_get(self.license_id, self.principal))


@listed(
    operation_id="licenses_history",
    tags=["history"],
    summary="List what happened to a license, newest first",
    responses=EventOutput(many=True),
    examples=[examples.EVENT],
)
class LicenseHistory(OfLicense):
    output = EventOutput

    def rows(self) -> QuerySet[Event]:
        return listings.events_of_license(selectors.license_get(self.license_id, self.principal))


class IssuanceRead(Operation):
    required_scope = Scope.LICENSES_READ

    @extend_schema(
        operation_id="issuances_read",
        tags=TAGS,
        summary="Read one snapshot by its jti",
        responses=shapes.IssuanceOutput,
        examples=[examples.ISSUANCE],
    )
    def get(self, request: Request, jti: str) -> Response:
        row = listings.issuance_get(jti, self.principal)
        return Response(shapes.IssuanceOutput(row).data)


class ArtifactRead(Operation):
    required_scope = Scope.ARTIFACTS_READ

    @extend_schema(
        operation_id="issuances_artifact",
        tags=TAGS,
        summary="Download the text of a snapshot, byte for byte as issued",
        description="Each download is an event in the history. 404 `artifact_not_kept` when it was not kept.",
        responses={
            (200, "application/jwt"): OpenApiTypes.STR,
            (200, "application/json"): OpenApiTypes.OBJECT,
            (200, "text/plain"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request, jti: str) -> HttpResponse:
        row = listings.issuance_get(jti, self.principal)
        return download(row, artifact_text(issuance=row, actor=self.principal.actor, at=self.at))


class StatusRead(Operation):
    required_scope = Scope.LICENSES_READ

    @extend_schema(
        operation_id="licenses_status",
        tags=["licenses"],
        summary="Say in what state a license is at this instant",
        responses=shapes.StatusOutput,
        examples=[examples.STATUS],
    )
    def get(self, request: Request, license_id: str) -> Response:
        row = selectors.license_get(license_id, self.principal)
        return Response(shapes.StatusOutput(license_status(row, self.at)).data)


class SignalCreate(Operation):
    required_scope = PUBLIC
    authentication_classes = ()

    @extend_schema(
        operation_id="licenses_signals",
        tags=["deployments"],
        summary="Tell that a deployment refused something, or removed its license",
        description=(
            "The license in the body is the credential; an expired or revoked one may still tell. Nothing "
            "but the members below is taken. At most 60 signals an hour for each license text."
        ),
        request=shapes.SignalInput,
        responses={201: shapes.SignalOutput},
        examples=[examples.SIGNAL],
    )
    def post(self, request: Request) -> Response:
        values = accept(shapes.SignalInput, request)
        text = values.pop("token")
        _take_signal(text)
        row = signal_receive(text=text, **values, at=self.at)
        answer: dict[str, Any] = {
            "license": row.public_id,
            "signal": values["signal"],
            "recorded_at": self.at,
        }
        return Response(shapes.SignalOutput(answer).data, status=status.HTTP_201_CREATED)


def _take_signal(text: str) -> None:
    """Each signal is an entry that can never be erased: bound how many one license may write."""
    try:
        allowed, _, reset = take(f"signal:{hashlib.sha256(text.encode()).hexdigest()}", SIGNAL_LIMIT)
    except (RedisError, OSError) as error:
        log.warning("rate_limit_unavailable", error=repr(error))
        return
    if not allowed:
        raise TooMany("This license has told enough for now.", retry_after=reset)
