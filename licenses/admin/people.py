"""Names for actors: history and issuances say `user:7`, staff want to read who that is."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from accounts.models import User
from history import naming


def staff(request: HttpRequest) -> User:
    """Who is signed in: the admin lets nobody else through."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """Each actor with the name to show, in one query a type; what nobody names stays as it is."""
    return {actor: name.text for actor, name in naming.names_of(actors).items()}
