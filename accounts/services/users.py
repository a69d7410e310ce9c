"""Members of staff, and the roles they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.errors import EmailTaken, LastSuperadmin
from accounts.models import User
from config.kit.errors import FieldError, Invalid, NotFound
from config.kit.locks import locked
from config.kit.validation import check_fields
from history.services import record

EDITABLE = frozenset({"name", "email", "is_superuser", "is_active"})


def user_create(
    *,
    email: str,
    name: str = "",
    password: str | None = None,
    roles: Iterable[str] = (),
    is_superuser: bool = False,
    actor: str,
    at: datetime,
) -> User:
    """Make a member of staff; without a password the account cannot sign in yet.

    `is_superuser` is the role superadmin (D15). Raises Invalid (a weak password, an unknown role),
    EmailTaken (409).
    """
    user = User(
        email=_address(email), name=name.strip(), is_superuser=is_superuser, is_staff=True, date_joined=at
    )
    groups = _groups(roles)
    _set_password(user, password)
    check_fields(user)
    with transaction.atomic():
        _save(user, force_insert=True)
        user.groups.set(groups)
        data = {"roles": sorted(group.name for group in groups), "superadmin": is_superuser}
        _record("user.created", user, data, actor, at)
    return user


def user_update(
    *,
    user: User,
    changes: Mapping[str, Any],
    password: str | None = None,
    roles: Iterable[str] | None = None,
    actor: str,
    at: datetime,
) -> User:
    """Change name, address, superadmin, active, password or roles; history keeps the fields' names only.

    Raises Invalid, EmailTaken (409), LastSuperadmin (409), NotFound.
    """
    fixed = sorted(set(changes) - EDITABLE)
    if fixed:
        raise Invalid([FieldError(name, "not_editable", f"{name} cannot be changed.") for name in fixed])
    with transaction.atomic():
        row = _locked(user)
        was_superadmin = row.is_superuser and row.is_active
        changed = [name for name, value in sorted(changes.items()) if _differs(row, name, value)]
        check_fields(row, changed)
        if password:
            _set_password(row, password)
            changed.append("password")
        if was_superadmin and not (row.is_superuser and row.is_active):
            _demand_another_superadmin(row)
        if changed:
            _save(row, update_fields=changed)
            _record("user.changed", row, _changes(row, changed), actor, at)
        if roles is not None:
            roles_set(user=row, roles=roles, actor=actor, at=at)
    return row


def user_deactivate(*, user: User, actor: str, at: datetime) -> User:
    """Switch a user off: sessions end at once, records keep naming them. Raises LastSuperadmin (409)."""
    return user_update(user=user, changes={"is_active": False}, actor=actor, at=at)


def role_grant(*, user: User, role: str, actor: str, at: datetime) -> bool:
    """Give a role; False when the user holds it already. Raises Invalid for an unknown role."""
    return roles_set(user=user, roles=_roles_of(user) | {role}, actor=actor, at=at)


def role_revoke(*, user: User, role: str, actor: str, at: datetime) -> bool:
    """Take a role; False when the user does not hold it."""
    return roles_set(user=user, roles=_roles_of(user) - {role}, actor=actor, at=at)


def roles_set(*, user: User, roles: Iterable[str], actor: str, at: datetime) -> bool:
    """Make these the user's roles, one `role.changed` for all; False when they are already."""
    groups = _groups(roles)
    with transaction.atomic():
        row = _locked(user)
        before, after = _roles_of(row), {group.name for group in groups}
        if before == after:
            return False
        row.groups.set(groups)
        data = {"granted": sorted(after - before), "revoked": sorted(before - after)}
        _record("role.changed", row, data, actor, at)
    return True


def _roles_of(user: User) -> set[str]:
    return set(user.groups.values_list("name", flat=True))


def _groups(names: Iterable[str]) -> list[Group]:
    wanted = set(names)
    groups = list(Group.objects.filter(name__in=wanted))
    unknown = sorted(wanted - {group.name for group in groups})
    if unknown:
        raise Invalid([FieldError("roles", "unknown_role", f"There is no role {name}.") for name in unknown])
    return groups


def _set_password(user: User, password: str | None) -> None:
    if password is not None:
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise Invalid(
                [FieldError("password", "weak_password", text) for text in error.messages]
            ) from error
    user.set_password(password)


def _demand_another_superadmin(user: User) -> None:
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    if not locked(others).exists():
        raise LastSuperadmin


def _locked(user: User) -> User:
    row = locked(User.objects.filter(pk=user.pk)).first()
    if row is None:
        raise NotFound
    return row


def _save(user: User, **how: Any) -> None:
    try:
        with transaction.atomic():
            user.save(**how)
    except IntegrityError as error:
        raise EmailTaken from error


def _differs(row: User, name: str, value: Any) -> bool:
    if name == "email":
        value = _address(value)
    before = getattr(row, name)
    setattr(row, name, value)
    return bool(before != value)


def _address(email: str) -> str:
    return email.strip().lower()


def _changes(user: User, fields: list[str]) -> dict[str, Any]:
    states: dict[str, Any] = {
        name: getattr(user, name) for name in ("is_active", "is_superuser") if name in fields
    }
    return {"fields": fields, **states}


def _record(kind: str, user: User, data: dict[str, Any], actor: str, at: datetime) -> None:
    record(kind=kind, subject=f"user:{user.pk}", actor=actor, data=data, at=at)
