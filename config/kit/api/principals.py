"""The caller of the API, whatever it authenticated with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from rest_framework.request import Request

SYSADMIN = "sysadmin"


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller. `client` tells one credential from another; `groups` are the account slugs it belongs to."""

    client: str
    actor: str
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    is_master: bool = False
    is_authenticated: bool = True
    is_active: bool = True
    lacks_second_factor: bool = False
    pk: None = field(default=None, init=False)

    @property
    def is_sysadmin(self) -> bool:
        return self.is_master or SYSADMIN in self.roles

    @property
    def sees_every_group(self) -> bool:
        """Sysadmins do, and back-office API keys that are bound to no account."""
        return self.is_sysadmin or (self.client.startswith("api-key:") and not self.groups)

    @property
    def sight(self) -> frozenset[str] | None:
        """The groups it sees; None is every group."""
        return None if self.sees_every_group else self.groups

    def may_see_group(self, slug: str) -> bool:
        """E22: members of the group, and who sees every group."""
        return self.sees_every_group or slug in self.groups


class Anonymous(Principal):
    """The caller without credentials. DRF makes one for each request."""

    def __init__(self) -> None:
        super().__init__(client="anonymous", actor="anonymous", is_authenticated=False)


def principal(request: Request) -> Principal:
    """Return the caller. Our authenticators put a Principal where Django's types expect a User."""
    return cast(Principal, request.user)
