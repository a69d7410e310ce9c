"""Operations on our own license: for superadmins only, no API key reaches them (C18, C8, C30)."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.kit.api.permissions import Scope
from config.kit.api.views import Operation
from licenses.api import examples
from licenses.api.fields import accept
from licenses.api.shapes import own as shapes
from licenses.own_status import own_status
from licenses.services.selflicense import selflicense_activate, selflicense_refresh

TAGS = ["own license"]


class _OwnLicense(Operation):
    required_scope = Scope.SELF_LICENSE_WRITE

    def _status(self) -> Response:
        return Response(shapes.OwnStatusOutput(own_status(self.at).to_dict()).data)


class OwnRead(_OwnLicense):
    @extend_schema(
        operation_id="self_license_read",
        tags=TAGS,
        summary="Read tier, entitlements, caps with their use, and the guard of this installation (C18)",
        responses=shapes.OwnStatusOutput,
        examples=[examples.OWN_LICENSE],
    )
    def get(self, request: Request) -> Response:
        return self._status()


class OwnActivate(_OwnLicense):
    @extend_schema(
        operation_id="self_license_activate",
        tags=TAGS,
        summary="Take a key into use as the license of this installation (C8)",
        description=(
            "It counts at once. 400 `license_invalid` for a key that does not hold: the one in force stays. Safe "
            "to repeat."
        ),
        request=shapes.OwnKeyInput,
        responses=shapes.OwnStatusOutput,
        examples=[examples.OWN_KEY, examples.OWN_LICENSE],
    )
    def post(self, request: Request) -> Response:
        values = accept(shapes.OwnKeyInput, request)
        selflicense_activate(text=values["key"], actor=self.principal.actor, at=self.at)
        return self._status()


class OwnRefresh(_OwnLicense):
    @extend_schema(
        operation_id="self_license_refresh",
        tags=TAGS,
        summary="Ask the master about our license now (C5)",
        description="`outcome` says what came of it; what is not known for certain leaves everything as it was (C9).",
        request=None,
        responses=shapes.OwnStatusOutput,
        examples=[examples.OWN_LICENSE],
    )
    def post(self, request: Request) -> Response:
        selflicense_refresh(actor=self.principal.actor, at=self.at)
        return self._status()
