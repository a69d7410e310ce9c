"""The product's routes, and the floor views that go through all of Django and DRF."""

from __future__ import annotations

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from config import urls as product
from config.kit.api.permissions import Scope
from config.kit.api.views import Operation
from tests.bench.signals_floor import AUTHENTICATED


class Authenticated(Operation):
    """An operation with a scope that does nothing."""

    required_scope = Scope.LICENSES_READ

    def post(self, request: Request) -> Response:
        return Response({"ok": True})


urlpatterns = [*product.urlpatterns, path(AUTHENTICATED.removeprefix("/"), Authenticated.as_view())]
handler400, handler404, handler500 = product.handler400, product.handler404, product.handler500
