"""Filters that the funnel leads to: how far a trial came, and where somebody came from (A28)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from unfold.contrib.filters.admin import DropdownFilter, TextFilter

from trials.domain.funnel import Key, Stage
from trials.funnel import trials_reaching
from trials.models import Trial, TrialProgram
from trials.searching import TOUCH, came_from, touch_value, touch_word

REACHED = {
    Stage.INSTALLED: "installed",
    Stage.ACTIVE: "active",
    Stage.PILOT_READY: "pilot-ready",
    Stage.CONVERTED: "converted",
}


class StageFilter(DropdownFilter):  # type: ignore[misc] # unfold ships no types
    """Trials that came at least once as far as a stage of the funnel."""

    title = "reached"
    parameter_name = "stage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(stage), words) for stage, words in REACHED.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Trial]) -> QuerySet[Trial]:
        value = self.value()
        return trials_reaching(queryset, Stage(value)) if value in REACHED else queryset


class TouchFilter(TextFilter):  # type: ignore[misc] # unfold ships no types
    """Who first came by exactly this source, medium or campaign; `(none)` for those without."""

    part: ClassVar[str]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        word = (self.value() or "").strip()
        if not word:
            return queryset
        return came_from(queryset, self.part, touch_value(word)) if word.isprintable() else queryset.none()

    def in_words(self) -> str:
        return self.value() or ""


class SourceFilter(TouchFilter):
    title = parameter_name = part = "source"


class MediumFilter(TouchFilter):
    title = parameter_name = part = "medium"


class CampaignFilter(TouchFilter):
    title = parameter_name = part = "campaign"


TOUCH_FILTERS = (SourceFilter, MediumFilter, CampaignFilter)


def stage_lists(
    *, first: date, last: date, program: TrialProgram | None, key: Key | None = None
) -> Mapping[Stage, str]:
    """The list behind each number of the funnel but the visits, which are counted and never kept one by one.

    `key` is the source, medium and campaign of a line; None: of all of them.
    """
    return dict(_stage_lists(first, last, program, key))


def _stage_lists(
    first: date, last: date, program: TrialProgram | None, key: Key | None
) -> Iterator[tuple[Stage, str]]:
    more: dict[str, Any] = {"program__id__exact": program.pk} if program else {}
    more |= {part: touch_word(value) for part, value in zip(TOUCH, key, strict=True)} if key else {}
    asked = {"created_at_from": first, "created_at_to": last, **more}
    yield Stage.REQUESTS, f"{reverse('admin:trials_trialrequest_changelist')}?{urlencode(asked)}"
    began = {"started_at_from": first, "started_at_to": last, **more}
    trials = reverse("admin:trials_trial_changelist")
    yield Stage.ISSUED, f"{trials}?{urlencode(began)}"
    for stage in REACHED:
        yield stage, f"{trials}?{urlencode({**began, 'stage': str(stage)})}"
