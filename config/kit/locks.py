"""Row locks that mean the same on every database."""

from __future__ import annotations

from typing import TypeVar

from django.db import connections, models

M = TypeVar("M", bound=models.Model)


def referable(queryset: models.QuerySet[M]) -> models.QuerySet[M]:
    """As `locked`, but rows elsewhere may refer to these meanwhile: no insert waits for its foreign key.

    PostgreSQL's FOR NO KEY UPDATE; where there is none, `locked`.
    """
    if connections[queryset.db].features.has_select_for_no_key_update:
        return queryset.select_for_update(of=("self",), no_key=True)
    return locked(queryset)


def locked(queryset: models.QuerySet[M]) -> models.QuerySet[M]:
    """Lock the rows themselves, not what they join, until the transaction ends.

    SQLite holds the one write lock of its immediate transaction already; MariaDB cannot name the
    table and locks the joined rows as well.
    """
    if connections[queryset.db].features.has_select_for_update_of:
        return queryset.select_for_update(of=("self",))
    return queryset.select_for_update()
