"""What belongs to an account: every column of any room that names one, found by asking Django.

A room above need not say that its rows belong to accounts; its foreign key does. It speaks up only when its rows
must not follow a merge, or follow in a way of their own: `owner_rule`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import ForeignObjectRel, Model, QuerySet

from accounts.models import Account


@dataclass(frozen=True, slots=True)
class Owner:
    """One column that names an account."""

    model: type[Model]
    field: str

    @property
    def name(self) -> str:
        """`app.model`, or `app.model.field` where that alone does not tell which column."""
        label = self.model._meta.label_lower
        return label if self.field == "account" else f"{label}.{self.field}"

    def rows(self, account_id: int | None) -> QuerySet[Model]:
        return self.model._base_manager.filter(**{f"{self.field}_id": account_id})

    def strays(self) -> QuerySet[Model]:
        """Rows of accounts that are closed."""
        return self.model._base_manager.filter(**{f"{self.field}__merged_into__isnull": False})

    def counted(self, number: int) -> str:
        """`1 license`, `3 API keys`."""
        meta = self.model._meta
        return f"{number:,} {meta.verbose_name if number == 1 else meta.verbose_name_plural}"


Mover = Callable[[Account, Account, datetime], int]
"""Moves the rows of the first account to the second, in the open transaction; returns how many. Told the instant."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How rows of one column behave in a merge: `mover` moves them, or they stay, and `stays` says why.

    `loose` rows are not owned: they move in a merge, and lose the account when it is deleted, which they do not hinder.
    """

    mover: Mover | None = None
    stays: str = ""
    loose: bool = False


_rules: dict[tuple[str, str], Rule] = {}


def owner_rule(model: str, field: str, rule: Rule) -> None:
    """Register what a merge does with a column, `model` as `app.model`; otherwise its rows simply move."""
    _rules[model.lower(), field] = rule


def rule_of(owner: Owner) -> Rule:
    return _rules.get((owner.model._meta.label_lower, owner.field), Rule())


def owners() -> list[Owner]:
    """Every column that names an account, in a stable order; accounts closed into this one are no property."""
    columns = (
        Owner(relation.related_model, relation.field.name)
        for relation in _relations()
        if relation.related_model is not Account
    )
    return sorted(columns, key=lambda owner: owner.name)


def _relations() -> list[Any]:
    """With the hidden ones, whose `related_name` is `+`, and the tables behind many-to-many fields."""
    found = Account._meta.get_fields(include_hidden=True)
    return [r for r in found if isinstance(r, ForeignObjectRel) and not r.many_to_many]


def owned(account: Account) -> list[tuple[Owner, int]]:
    """What an account owns, with counts; nothing for what it has none of."""
    counted = ((owner, owner.rows(account.pk).count()) for owner in owners())
    return [(owner, number) for owner, number in counted if number]


def holding(account: Account) -> list[tuple[Owner, int]]:
    """What of it stands in the way of deleting an account."""
    return [(owner, number) for owner, number in owned(account) if not rule_of(owner).loose]


def owns_anything(account: Account) -> bool:
    return any(owner.rows(account.pk).exists() for owner in owners() if not rule_of(owner).loose)
