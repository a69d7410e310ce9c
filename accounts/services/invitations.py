"""A link with which a member of staff chooses a password: for a new one, and for one who forgot theirs.

The link works once, and for three days: its token is made of the password that it replaces. Nothing of it is
stored. How it reaches its owner is the business of a room above, which registers a courier; the superadmin who
asks for it sees it as well, and may hand it over in person.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts.errors import UserInactive
from accounts.models import User
from config.kit import clock
from history.services import record


class _Tokens(PasswordResetTokenGenerator):
    """Django's tokens by our clock."""

    key_salt = "signet.invitation"

    def _now(self) -> datetime:
        return clock.now().replace(tzinfo=None)


tokens = _Tokens()


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link for one user. Whoever has it may choose the password."""

    user: User
    link: str = field(repr=False)
    until: datetime
    first: bool
    """Whether this user never had a password."""
    mailed: bool


class Courier(Protocol):
    """Brings an invitation to its user, in the transaction that made it."""

    def __call__(self, *, invitation: Invitation, actor: str, at: datetime) -> object: ...


_couriers: list[Courier] = []


def courier_register(courier: Courier) -> None:
    _couriers[:] = [courier]


def user_invite(*, user: User, actor: str, at: datetime) -> Invitation:
    """Make a link for a user and have it brought to them. Raises UserInactive (409)."""
    if not user.is_active:
        raise UserInactive
    invitation = Invitation(
        user=user,
        link=settings.BASE_URL + reverse("admin:welcome", args=[_name(user), tokens.make_token(user)]),
        until=at + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT),
        first=not user.has_usable_password(),
        mailed=bool(_couriers),
    )
    with transaction.atomic():
        data = {"until": invitation.until.isoformat(), "mailed": invitation.mailed}
        record(kind="user.invited", subject=f"user:{user.pk}", actor=actor, data=data, at=at)
        for courier in _couriers:
            courier(invitation=invitation, actor=actor, at=at)
    return invitation


def _name(user: User) -> str:
    return urlsafe_base64_encode(force_bytes(user.pk))
