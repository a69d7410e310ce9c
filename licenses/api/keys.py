"""Operations on signing keys: public halves for who may read, changes for superadmins only (C30)."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import idempotent
from config.kit.api.inspector import listed
from config.kit.api.permissions import Scope
from config.kit.api.views import ListOperation, Operation
from licenses import listings, selectors
from licenses.api import examples
from licenses.api.fields import accept
from licenses.api.filters import KeyFilter
from licenses.api.shapes import keys as shapes
from licenses.domain.enums import Algorithm
from licenses.models import Product, SigningKey
from licenses.services.keys import (
    key_activate,
    key_generate,
    key_import,
    key_retire,
    key_revoke,
    key_rotate,
)

TAGS = ["signing keys"]


def _product(values: dict[str, Any]) -> Product | None:
    product_key = values.pop("product_key", None)
    return None if product_key is None else selectors.product_by_key(product_key)


@listed(
    operation_id="signing_keys_list",
    tags=TAGS,
    summary="List the signing keys, newest first; public halves only",
    responses=shapes.KeyOutput(many=True),
    examples=[examples.KEY],
)
class KeyList(ListOperation):
    required_scope = Scope.KEYS_READ
    filterset_class = KeyFilter
    output = shapes.KeyOutput

    def rows(self) -> QuerySet[SigningKey]:
        return listings.signing_keys()


class KeyRead(Operation):
    required_scope = Scope.KEYS_READ

    @extend_schema(
        operation_id="signing_keys_read",
        tags=TAGS,
        summary="Read one signing key; its public half only",
        responses=shapes.KeyOutput,
        examples=[examples.KEY],
    )
    def get(self, request: Request, kid: str) -> Response:
        return Response(shapes.KeyOutput(listings.signing_key_get(kid)).data)


class KeyGenerate(Operation):
    required_scope = Scope.KEYS_WRITE

    @extend_schema(
        operation_id="signing_keys_generate",
        tags=TAGS,
        summary="Make a key pair and stage it: published, not signing yet",
        request=shapes.PlaceInput,
        responses={201: shapes.KeyOutput},
        examples=[examples.KEY],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        values = accept(shapes.PlaceInput, request)
        row = key_generate(
            algorithm=Algorithm(values["algorithm"]),
            product=_product(values),
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(shapes.KeyOutput(row).data, status=status.HTTP_201_CREATED)


class KeyImport(Operation):
    required_scope = Scope.KEYS_WRITE

    @extend_schema(
        operation_id="signing_keys_import",
        tags=TAGS,
        summary="Stage an existing private key from PEM (E6)",
        description="RSA of 3072 bits or more, or Ed25519. The key is sealed at rest and never shown again.",
        request=shapes.KeyImportInput,
        responses={201: shapes.KeyOutput},
        examples=[examples.KEY],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        values = accept(shapes.KeyImportInput, request)
        password = values.get("password")
        row = key_import(
            pem=values["pem"],
            password=password.encode() if password else None,
            product=_product(values),
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(shapes.KeyOutput(row).data, status=status.HTTP_201_CREATED)


class KeyRotate(Operation):
    required_scope = Scope.KEYS_WRITE

    @extend_schema(
        operation_id="signing_keys_rotate",
        tags=TAGS,
        summary="Go one step of a rotation: stage a successor, or activate the staged one",
        description="Safe to repeat. 409 `key_too_young` says when the staged key may become active.",
        request=shapes.RotateInput,
        responses=shapes.KeyOutput,
        examples=[examples.KEY],
    )
    def post(self, request: Request) -> Response:
        values = accept(shapes.RotateInput, request)
        row = key_rotate(
            algorithm=Algorithm(values["algorithm"]),
            product=_product(values),
            force=values["force"],
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(shapes.KeyOutput(row).data)


class KeyActivate(Operation):
    required_scope = Scope.KEYS_WRITE

    @extend_schema(
        operation_id="signing_keys_activate",
        tags=TAGS,
        summary="Let a staged key sign; the one before it is retired",
        request=shapes.ForceInput,
        responses=shapes.KeyOutput,
        examples=[examples.KEY],
    )
    def post(self, request: Request, kid: str) -> Response:
        row = key_activate(
            key=listings.signing_key_get(kid),
            **accept(shapes.ForceInput, request),
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(shapes.KeyOutput(row).data)


class KeyRetire(Operation):
    required_scope = Scope.KEYS_WRITE

    @extend_schema(
        operation_id="signing_keys_retire",
        tags=TAGS,
        summary="Stop signing with a key; it goes on verifying",
        description="409 `key_in_use` while live licenses are signed with it, unless `force`.",
        request=shapes.ForceInput,
        responses=shapes.KeyOutput,
        examples=[examples.KEY],
    )
    def post(self, request: Request, kid: str) -> Response:
        row = key_retire(
            key=listings.signing_key_get(kid),
            **accept(shapes.ForceInput, request),
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(shapes.KeyOutput(row).data)


class KeyRevoke(Operation):
    required_scope = Scope.KEYS_WRITE

    @extend_schema(
        operation_id="signing_keys_revoke",
        tags=TAGS,
        summary="Refuse a key from now on; it leaves the JWKS",
        description="409 `key_in_use` with the number of live licenses, unless `force`.",
        request=shapes.KeyRevokeInput,
        responses=shapes.KeyOutput,
        examples=[examples.KEY],
    )
    def post(self, request: Request, kid: str) -> Response:
        row = key_revoke(
            key=listings.signing_key_get(kid),
            **accept(shapes.KeyRevokeInput, request),
            actor=self.principal.actor,
            at=self.at,
        )
        return Response(shapes.KeyOutput(row).data)
