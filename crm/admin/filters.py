"""Filters of the lists of people and tasks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, TextFilter

from config.kit.clock import now
from crm.models import Person, Task
from crm.selectors import ONGOING_STATES, tasks_in

STATES = {
    "todo": "to be done now",
    "open": "open",
    "in_progress": "in progress",
    "snoozed": "put off",
    "done": "done",
    "dropped": "dropped",
    "all": "all",
}


class MergedFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    """People who were merged into another are left out unless asked for."""

    title = parameter_name = "merged"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("only", "Merged into another"), ("too", "All, merged ones too")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Person]) -> QuerySet[Person]:
        if self.value() == "too":
            return queryset
        return queryset.filter(merged_into__isnull=self.value() != "only")


class FirstSourceFilter(TextFilter):  # type: ignore[misc] # unfold ships no types
    """Who first came by exactly this source."""

    title, parameter_name = "first source", "source"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Person]) -> QuerySet[Person]:
        word = (self.value() or "").strip()
        if not word:
            return queryset
        return queryset.filter(first_source=word) if word.isprintable() else queryset.none()

    def in_words(self) -> str:
        return self.value() or ""


class StateFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    """What is to be done now, unless something else is asked for."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(STATES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        return tasks_in(queryset, self.value() or "todo", now().date())


class DueFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    """By the day it is due, counted from today: in a link it never goes stale."""

    title, parameter_name = "due", "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("overdue", "overdue"), ("today", "today"), ("week", "within 7 days"), ("none", "no day")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        today = now().date()
        wanted = {
            "overdue": Q(due_on__lt=today, status__in=ONGOING_STATES),
            "today": Q(due_on=today),
            "week": Q(due_on__gte=today, due_on__lte=today + timedelta(days=7)),
            "none": Q(due_on=None),
        }.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(wanted)


class OwnerFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    """`me` is whoever looks, in a shared view, too."""

    title, parameter_name = "owner", "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        from accounts.models import User

        staff = User.objects.order_by("name", "email")
        return [("me", "me"), ("none", "nobody"), *((str(user.pk), str(user)) for user in staff)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        value = self.value() or ""
        if value == "me":
            return queryset.filter(owner=request.user.pk)
        if value == "none":
            return queryset.filter(owner=None)
        return queryset.filter(owner=int(value)) if value.isdecimal() and len(value) < 19 else queryset  # noqa: PLR2004 - digits of a key
