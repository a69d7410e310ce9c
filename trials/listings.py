"""What a caller of the API may see of trials."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet

from accounts.selectors import accounts_for
from config.kit.api.principals import Principal
from config.kit.errors import NotFound
from trials.models import Trial


def trials_for(principal: Principal) -> QuerySet[Trial]:
    """All trials, or those of the caller's own accounts."""
    rows = Trial.objects.select_related("program", "account", "license")
    if principal.sees_every_group:
        return rows
    return rows.filter(account__in=accounts_for(principal))


def trial_get(uid: uuid.UUID, principal: Principal) -> Trial:
    """Raises NotFound, also for another account's."""
    row = trials_for(principal).filter(uid=uid).first()
    if row is None:
        raise NotFound
    return row
