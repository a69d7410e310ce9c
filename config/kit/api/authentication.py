"""Who calls the API: a principal with scopes, from an API key, an internal JWT or a staff session."""

from __future__ import annotations

from typing import Any

import jwt
from django.conf import settings
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.request import Request

from config.kit import actors, clock
from config.kit.api.permissions import ALL_SCOPES, MASTER_ONLY, Scope
from config.kit.api.principals import SYSADMIN, Principal
from config.kit.errors import Unauthenticated

JWT_TYPE = "JWT"
MAX_NAME = 255


def bearer(request: Request) -> str | None:
    """Return the bearer token of the Authorization header, None without one. RFC 6750 §2.1."""
    scheme, _, token = get_authorization_header(request).partition(b" ")
    if scheme.lower() != b"bearer":
        return None
    try:
        return token.strip().decode("ascii")
    except UnicodeDecodeError as error:
        raise Unauthenticated("The bearer token has characters that no token has.") from error


class BearerAuthentication(BaseAuthentication):
    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="signet"'


class InternalJWTAuthentication(BearerAuthentication):
    """E28: short-lived HS256 JWT of our own dashboard: secret, issuer, audience, lifetime, scope.

    `scope` is a space-separated list (RFC 8693 §4.2); `roles` and `groups` are lists of names. The
    role `sysadmin` holds every scope.
    """

    def authenticate(self, request: Request) -> tuple[Principal, str] | None:
        token = bearer(request)
        if token is None or not token.startswith("eyJ"):
            return None
        return principal_of(internal_claims(token)), "jwt"


def internal_claims(token: str) -> dict[str, Any]:
    """Return the claims of a valid internal JWT; raises Unauthenticated (401) saying what is wrong."""
    options = settings.INTERNAL_AUTH
    try:
        if jwt.get_unverified_header(token).get("typ", JWT_TYPE) != JWT_TYPE:
            raise Unauthenticated("A token of another kind is no credential.")
        claims: dict[str, Any] = jwt.decode(
            token,
            options["secret"],
            algorithms=["HS256"],
            issuer=options["issuer"],
            audience=options["audience"],
            options={
                "require": ["exp", "iat", "sub"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.PyJWTError as error:
        raise Unauthenticated(f"The internal token is not valid: {error}.") from error
    except (ValueError, RecursionError) as error:  # JSON that is nested too deeply, text that is no Unicode
        raise Unauthenticated("The internal token cannot be read.") from error
    if not _is_name(claims["sub"]):
        raise Unauthenticated("The internal token's `sub` is not a name.")
    _check_times(claims, options["lifetime_seconds"])
    return claims


def _check_times(claims: dict[str, Any], lifetime: int) -> None:
    now = clock.now().timestamp()
    issued, expires, since = claims["iat"], claims["exp"], claims.get("nbf", claims["iat"])
    if not all(type(value) is int for value in (issued, expires, since)):
        raise Unauthenticated("The internal token's times must be whole seconds.")
    if expires <= now:
        raise Unauthenticated("The internal token has expired.")
    if max(issued, since) > now + 30:
        raise Unauthenticated("The internal token is not valid yet.")
    if expires - issued > lifetime:
        raise Unauthenticated(f"The internal token lives longer than {lifetime} seconds.")


def principal_of(claims: dict[str, Any]) -> Principal:
    """Turn the claims of an internal JWT into a principal."""
    roles = _names(claims.get("roles"))
    master = SYSADMIN in roles
    scope = claims.get("scope", "")
    scopes = frozenset(scope.split() if isinstance(scope, str) else []) & ALL_SCOPES - MASTER_ONLY
    return Principal(
        client=f"jwt:{claims['sub']}",
        actor=actors.jwt_subject(str(claims["sub"])),
        scopes=frozenset(map(str, Scope)) if master else scopes,
        roles=roles,
        groups=_names(claims.get("groups")),
        is_master=master,
    )


def _names(value: object) -> frozenset[str]:
    return frozenset(item for item in value if _is_name(item)) if isinstance(value, list) else frozenset()


def _is_name(value: object) -> bool:
    """Text that a database takes: NUL and lone surrogates, which JSON can spell, are not printable."""
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME and value.isprintable()


class StaffSessionAuthentication(SessionAuthentication):
    """A signed-in superadmin may call the API from the browser (CSRF checked), for the API pages."""

    def authenticate(self, request: Request) -> tuple[Principal, None] | None:
        found = super().authenticate(request)
        if found is None or not found[0].is_superuser:
            return None
        user = found[0]
        return (
            Principal(
                client=f"user:{user.pk}",
                actor=actors.user(user),
                scopes=frozenset(map(str, Scope)),
                roles=frozenset({SYSADMIN}),
                is_master=True,
            ),
            None,
        )
