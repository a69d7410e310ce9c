"""Scopes: what a credential may do. Every view names the scope it asks for; none is open by accident."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from config.kit.api.principals import principal
from config.kit.errors import Forbidden, Unauthenticated


class Scope(StrEnum):
    """The closed list. A write scope is matched by its exact name (C30)."""

    LICENSES_READ = "licenses:read"
    LICENSES_ISSUE = "licenses:issue"
    LICENSES_RENEW = "licenses:renew"
    LICENSES_REVOKE = "licenses:revoke"
    ARTIFACTS_READ = "artifacts:read"
    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"
    CATALOGUE_READ = "catalogue:read"
    CATALOGUE_WRITE = "catalogue:write"
    KEYS_READ = "keys:read"
    HISTORY_READ = "history:read"
    WEBHOOKS_MANAGE = "webhooks:manage"
    TRIALS_REQUEST = "trials:request"
    TRIALS_READ = "trials:read"
    TRIALS_MANAGE = "trials:manage"
    EVIDENCE_APPROVE = "evidence:approve"
    CHECKOUT_CREATE = "checkout:create"
    PAYMENTS_READ = "payments:read"
    CRM_READ = "crm:read"
    CRM_WRITE = "crm:write"
    # master only: no scoped API key ever holds these, whatever its role
    CREDENTIALS_WRITE = "credentials:write"
    KEYS_WRITE = "keys:write"
    SELF_LICENSE_WRITE = "self-license:write"


MASTER_ONLY = frozenset({Scope.CREDENTIALS_WRITE, Scope.KEYS_WRITE, Scope.SELF_LICENSE_WRITE})
ALL_SCOPES = frozenset(Scope)
PUBLIC = "public"
SIGNED_IN = "signed-in"
BY_LICENSE = "by-license"
"""The view itself reads the credential: the text of a license, as a deployment holds it."""


class MasterOnly(Forbidden):
    """C30: these actions refuse every scoped API key."""

    code = "master_only"
    title = "Only a superadmin may do that; no API key can."


class SecondFactorNeeded(Forbidden):
    """A session of a superadmin who has given the password alone."""

    code = "second_factor_needed"
    title = "Give your second factor in the admin first: its page of API keys asks for it."


class MissingScope(Forbidden):
    code = "missing_scope"
    title = "These credentials lack the scope that this needs."


class HasScope(BasePermission):
    """Grant when the principal holds the view's `required_scope`.

    `PUBLIC` asks for nothing, `BY_LICENSE` leaves it to the view, `SIGNED_IN` for any valid credential.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        scope = view.required_scope
        if scope in (PUBLIC, BY_LICENSE):
            return True
        caller = principal(request)
        if not caller.is_authenticated:
            raise Unauthenticated
        if scope == SIGNED_IN:
            return True
        if scope in MASTER_ONLY and not caller.is_master:
            raise SecondFactorNeeded if caller.lacks_second_factor else MasterOnly
        if scope not in caller.scopes:
            raise MissingScope(f"This needs the scope {scope}.", scope=str(scope))
        return True
