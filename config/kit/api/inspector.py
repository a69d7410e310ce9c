"""How an operation stands in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import extend_schema, extend_schema_view

from config.kit.api.permissions import BY_LICENSE, MASTER_ONLY, PUBLIC, SIGNED_IN


def listed(**facts: Any) -> Any:
    """Decorate a ListOperation, whose `get` is its base's, with what `extend_schema` takes."""
    return extend_schema_view(get=extend_schema(**facts))


class OperationSchema(AutoSchema):
    """Says which scope an operation asks for; a docstring is for readers of the code and stays there."""

    def get_description(self) -> str:  # type: ignore[override] # AutoSchema's own signature
        return ""

    def get_auth(self) -> list[dict[str, Any]]:
        """Return the credentials an operation takes: none when it is public."""
        if self._scope == PUBLIC:
            return []
        if self._scope == BY_LICENSE:
            return [{"license": []}]
        found: list[dict[str, Any]] = super().get_auth()
        return found

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        asked = self._asked()
        operation["description"] = " ".join(part for part in (operation.get("description"), asked) if part)
        return operation

    @property
    def _scope(self) -> str:
        view: Any = self.view
        return str(view.required_scope)

    def _asked(self) -> str:
        scope = self._scope
        if scope == PUBLIC:
            return "Public: no credential is asked for."
        if scope == BY_LICENSE:
            return "The credential is the license itself: `Authorization: Bearer <license text>`."
        if scope == SIGNED_IN:
            return "Any valid credential will do."
        if scope in MASTER_ONLY:
            return f"Scope: `{scope}`, which only superadmins hold and no API key."
        return f"Scope: `{scope}`."


class _Scheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # registers itself
    scheme: dict[str, Any]

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return self.scheme


class ApiKeyScheme(_Scheme):  # type: ignore[no-untyped-call] # as above
    target_class = "accounts.api.authentication.ApiKeyAuthentication"
    name = "apiKey"
    scheme = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "sgk_…",
        "description": "An API key, made by a superadmin and shown once. Its role says which scopes it has.",
    }


class InternalTokenScheme(_Scheme):  # type: ignore[no-untyped-call] # as above
    target_class = "accounts.api.authentication.InternalJWTAuthentication"
    name = "internalToken"
    scheme = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A short-lived HS256 token of our own dashboard: secret, issuer, audience, lifetime, scope.",
    }


class StaffSessionScheme(_Scheme):  # type: ignore[no-untyped-call] # as above
    target_class = "accounts.api.authentication.StaffSessionAuthentication"
    name = "staffSession"
    scheme = {
        "type": "apiKey",
        "in": "cookie",
        "name": "signet_session",
        "description": "A superadmin signed in to the admin, for trying the API on its own page.",
    }
