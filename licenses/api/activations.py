"""Places of machines and collectors. A deployment presents its license as a bearer token; staff and scripts
go by the license's id.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from drf_spectacular.utils import extend_schema
from redis.exceptions import RedisError
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from config.kit.api.permissions import BY_LICENSE, Scope
from config.kit.api.serializers import Input
from config.kit.api.throttling import take
from config.kit.api.views import Operation
from config.kit.errors import TooMany, Unauthenticated
from licenses import selectors
from licenses.api.fields import Text, Whole, accept
from licenses.beats import LicenseFacts, license_facts
from licenses.models import Activation
from licenses.services.activations import (
    Taken,
    activation_held,
    activation_release,
    activation_take,
    activations_of,
    identifier_of,
)
from licenses.services.heartbeats import demand_known, speaker_of

LIMIT = "60/hour"
TAGS = ["deployments"]
NAME = r"^[\x21-\x7e]+$"
log = structlog.get_logger(__name__)


class NamedPlaceInput(Input):
    """Exactly one of both: a machine by its fingerprint, a collector by its id."""

    fingerprint = Text(max_length=255, required=False, help_text="In clear; only its SHA-256 is kept.")
    collector_id = serializers.RegexField(NAME, max_length=128, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("fingerprint" in attrs) == ("collector_id" in attrs):
            raise serializers.ValidationError(
                {"fingerprint": ["Give exactly one of fingerprint and collector_id."]}, code="exactly_one"
            )
        return attrs


class StaffReleaseInput(NamedPlaceInput):
    """Exactly one of three; the list tells the id, and no clear fingerprint is kept."""

    activation_id = Whole(1, 2**63 - 1, required=False, help_text="The `id` of the list.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "activation_id" not in attrs:
            return super().validate(attrs)
        if len(attrs) > 1:
            raise serializers.ValidationError(
                {"activation_id": ["Give exactly one of activation_id, fingerprint and collector_id."]},
                code="exactly_one",
            )
        return attrs


class ActivateInput(NamedPlaceInput):
    label = Text(  # type: ignore[assignment] # Field has a `label` of its own
        max_length=100, required=False, allow_blank=True, help_text="Shown to the vendor's staff."
    )
    lease_seconds = Whole(
        600, 90 * 86400, required=False, help_text="Free the place unless it is taken anew in time."
    )
    offline_days = Whole(1, 365, required=False, help_text="Check out: the answer carries a signed document.")


class PlaceOutput(serializers.ModelSerializer[Activation]):
    class Meta:
        model = Activation
        fields = (
            "id", "kind", "identifier", "label", "created_at", "last_seen_at", "lease_until", "offline",
        )  # fmt: skip
        read_only_fields = fields


class ActivatedOutput(serializers.Serializer[Any]):
    activation = PlaceOutput()
    limit = serializers.IntegerField(help_text="0 is unlimited.")
    used = serializers.IntegerField()
    document = serializers.CharField(help_text="Of a check-out: a compact JWS of type `activation+jwt`.")


class ReleaseInput(Input):
    reason = Text(max_length=500, required=False, allow_blank=True)


def place_of(values: dict[str, Any]) -> tuple[str, str]:
    """Kind and name of what was given."""
    if "collector_id" in values:
        return Activation.Kind.COLLECTOR, values["collector_id"]
    return Activation.Kind.MACHINE, values["fingerprint"]


def demand_turn(name: str) -> None:
    """Count one call of a license, whatever it asks. Open while nothing counts. Raises TooMany."""
    try:
        allowed, _, reset = take(f"activation:{name}", LIMIT)
    except (RedisError, OSError) as error:
        log.warning("rate_limit_unavailable", error=repr(error))
        return
    if not allowed:
        raise TooMany("This license has asked enough for now.", retry_after=reset)


class _OfDeployment(Operation):
    """Authenticated by the license text itself."""

    required_scope = BY_LICENSE
    authentication_classes = ()

    def facts(self, request: Request) -> LicenseFacts:
        """Raises Unauthenticated, LicenseUnverified (401), TooMany."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            raise Unauthenticated("Send the license itself: Authorization: Bearer <license text>.")
        speaker = speaker_of(text, at=self.at)
        demand_turn(speaker.name)
        return demand_known(license_facts(speaker.digest))


class ActivationList(_OfDeployment):
    @extend_schema(
        operation_id="activations_list",
        tags=TAGS,
        summary="List the places that machines and collectors hold under your license",
        responses=PlaceOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        rows = activations_of(self.facts(request).license_pk, self.at)[:1000]
        return Response(PlaceOutput(rows, many=True).data)


class ActivationCreate(_OfDeployment):
    @extend_schema(
        operation_id="activations_create",
        tags=TAGS,
        summary="Take a place for a machine or collector, or keep the one it holds",
        description=(
            "201 for a new place, 200 for one that is held already: repeating the call is how a lease lives on. "
            "409 `too_many_machines`, `too_many_collectors` or `fingerprint_mismatch`. 60 calls of one license an hour."
        ),
        request=ActivateInput,
        responses={201: ActivatedOutput, 200: ActivatedOutput},
    )
    def post(self, request: Request) -> Response:
        facts = self.facts(request)
        values = accept(ActivateInput, request)
        kind, name = place_of(values)
        taken = activation_take(
            license_pk=facts.license_pk,
            kind=kind,
            name=name,
            label=values.get("label", ""),
            lease=_seconds(values.get("lease_seconds")),
            offline=_seconds(values["offline_days"] * 86400) if "offline_days" in values else None,
            actor=f"license:{facts.public_id}",
            at=self.at,
        )
        code = status.HTTP_201_CREATED if taken.created else status.HTTP_200_OK
        return Response(_rendered(taken), status=code)


class ActivationRelease(_OfDeployment):
    @extend_schema(
        operation_id="activations_release",
        tags=TAGS,
        summary="Give the place of a machine or collector back",
        request=NamedPlaceInput,
        responses=PlaceOutput,
    )
    def post(self, request: Request) -> Response:
        facts = self.facts(request)
        kind, name = place_of(accept(NamedPlaceInput, request))
        row = activation_release(
            license_pk=facts.license_pk,
            kind=kind,
            identifier=identifier_of(kind, name),
            actor=f"license:{facts.public_id}",
            at=self.at,
        )
        return Response(PlaceOutput(row).data)


class LicenseActivations(Operation):
    required_scope = Scope.LICENSES_READ

    @extend_schema(
        operation_id="licenses_activations",
        tags=["licenses"],
        summary="List the places held under a license",
        responses=PlaceOutput(many=True),
    )
    def get(self, request: Request, license_id: str) -> Response:
        row = selectors.license_get(license_id, self.principal)
        return Response(PlaceOutput(activations_of(row.pk, self.at)[:1000], many=True).data)


class LicenseActivationRelease(Operation):
    required_scope = Scope.LICENSES_RENEW

    @extend_schema(
        operation_id="licenses_activation_release",
        tags=["licenses"],
        summary="Free a place of a machine or collector, checked out or not",
        request=StaffReleaseInput,
        responses=PlaceOutput,
    )
    def post(self, request: Request, license_id: str) -> Response:
        row = selectors.license_get(license_id, self.principal)
        values = accept(StaffReleaseInput, request)
        if "activation_id" in values:
            held = activation_held(row.pk, values["activation_id"])
            kind, identifier = held.kind, held.identifier
        else:
            kind, name = place_of(values)
            identifier = identifier_of(kind, name)
        freed = activation_release(
            license_pk=row.pk,
            kind=kind,
            identifier=identifier,
            by_staff=True,
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(PlaceOutput(freed).data)


def _seconds(value: int | None) -> timedelta | None:
    return None if value is None else timedelta(seconds=value)


def _rendered(taken: Taken) -> dict[str, Any]:
    return {
        "activation": PlaceOutput(taken.activation).data,
        "limit": taken.limit,
        "used": taken.used,
        "document": taken.document,
    }
