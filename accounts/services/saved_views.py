"""Lists under a name. How somebody likes to look at a list is no business of the history: there are no events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from accounts.errors import FieldTaken
from accounts.models import SavedView, User
from config.kit.errors import FieldError, Forbidden, Invalid
from config.kit.validation import check_fields

MOST = 50
"""Views that one person may keep of one list."""
EDITABLE = frozenset({"name", "query", "shared"})


class ViewNameTaken(FieldTaken):
    code = "view_name_taken"
    title = "You have a view of this name already."
    field = "name"


class NotYourView(Forbidden):
    code = "not_your_view"
    title = "Only the owner of a view changes it."


def saved_view_create(
    *, owner: User, page: str, name: str, query: str, shared: bool = False, at: datetime
) -> SavedView:
    """Keep a list of `page` (`app_label.model`) under a name. Raises Invalid, ViewNameTaken (409)."""
    view = SavedView(owner=owner, page=page, name=name.strip(), query=query, shared=shared, created_at=at)
    count = SavedView.objects.filter(owner=owner, page=page).count()
    if count >= MOST:
        raise Invalid([FieldError("name", "too_many", f"{MOST} views of a list at most: delete one first.")])
    view.position = count
    return _saved(view, force_insert=True)


def saved_view_update(*, view: SavedView, by: User, changes: Mapping[str, Any]) -> SavedView:
    """Change name, query or sharing of one's own view, or of a shared one as a superadmin.

    Raises NotYourView (403), Invalid, ViewNameTaken (409).
    """
    _demand_owner(view, by)
    for name, value in changes.items():
        if name not in EDITABLE:
            raise Invalid([FieldError(name, "not_editable", f"{name} cannot be changed.")])
        setattr(view, name, value.strip() if name == "name" else value)
    return _saved(view, update_fields=sorted(changes))


def saved_view_delete(*, view: SavedView, by: User) -> None:
    """Forget one's own view, or a shared one as a superadmin. Raises NotYourView (403)."""
    _demand_owner(view, by)
    view.delete()


def may_change(view: SavedView, by: User) -> bool:
    """Its owner, and for what all see a superadmin: the owner may have left."""
    return view.owner_id == by.pk or (view.shared and by.is_superuser)


def _demand_owner(view: SavedView, by: User) -> None:
    if not may_change(view, by):
        raise NotYourView


def _saved(view: SavedView, **options: Any) -> SavedView:
    check_fields(view)
    try:
        with transaction.atomic():
            view.save(**options)
    except IntegrityError as error:
        raise ViewNameTaken from error
    return view
