"""API keys as credentials."""

from __future__ import annotations

from dataclasses import replace

from rest_framework.request import Request

from accounts.second_factor import passed
from accounts.selectors import groups_now
from accounts.services.api_keys import api_key_authenticate
from config.kit import clock
from config.kit.api import authentication as kit
from config.kit.api.authentication import BearerAuthentication, bearer
from config.kit.api.permissions import MASTER_ONLY
from config.kit.api.principals import Principal

PREFIX = "sgk_"


class ApiKeyAuthentication(BearerAuthentication):
    """`Authorization: Bearer sgk_…` (C30)."""

    def authenticate(self, request: Request) -> tuple[Principal, str] | None:
        token = bearer(request)
        if token is None or not token.startswith(PREFIX):
            return None
        return api_key_authenticate(token=token, at=clock.now()), "api-key"


class InternalJWTAuthentication(kit.InternalJWTAuthentication):
    """E28. A group that was merged into another account stands for that account as well."""

    def authenticate(self, request: Request) -> tuple[Principal, str] | None:
        found = super().authenticate(request)
        if found is None or not found[0].groups:
            return found
        return replace(found[0], groups=groups_now(found[0].groups)), found[1]


class StaffSessionAuthentication(kit.StaffSessionAuthentication):
    """What pages of the admin ask a second factor for, the API asks a session for it, too."""

    def authenticate(self, request: Request) -> tuple[Principal, None] | None:
        found = super().authenticate(request)
        if found is None or passed(request._request):  # noqa: SLF001 - DRF's public seam
            return found
        scopes = found[0].scopes - set(map(str, MASTER_ONLY))
        return replace(found[0], scopes=scopes, is_master=False, lacks_second_factor=True), None
