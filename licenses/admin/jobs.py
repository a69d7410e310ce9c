"""Work over many rows: the list of jobs, and the page of one with its progress and its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from config.kit import actors
from config.kit.admin import ReadOnlyAdmin, tell
from config.kit.clock import now
from config.kit.csv import csv_response
from config.kit.errors import Refusal
from licenses.admin import display as show
from licenses.admin.generate import kinds_allowed
from licenses.admin.job_facts import TONES, Facts, facts_of, progress_of, row_cells, said_of, state_of
from licenses.admin.job_starts import JobStarts
from licenses.admin.key_sight import may_see_keys
from licenses.domain.enums import Kind
from licenses.models import Job
from licenses.services.job_checks import job_recheck
from licenses.services.job_results import (
    RESULT_COLUMNS,
    error_columns,
    job_errors,
    job_results,
    job_results_with_keys,
    outcomes,
)
from licenses.services.jobs import job_cancel, job_continue, job_retry, job_start

ROWS = 50
SHOWN = {
    "": "All",
    "waiting": "Waiting",
    "done": "Done",
    "refused": "With errors",
    "skipped": "There already",
}
Service = Callable[[Job, str, Any], Any]
DO: dict[str, tuple[Service, str]] = {
    "start": (lambda job, actor, at: job_start(job=job, actor=actor, at=at), "Started."),
    "cancel": (
        lambda job, actor, at: job_cancel(job=job, actor=actor, at=at),
        "Stopped. What is done stays.",
    ),
    "continue": (lambda job, actor, at: job_continue(job=job, actor=actor, at=at), "Going on."),
    "retry": (
        lambda job, actor, at: job_retry(job=job, actor=actor, at=at),
        "The refused rows are tried again.",
    ),
    "check": (lambda job, _actor, at: job_recheck(job=job, at=at), "Every row was checked again."),
}


@admin.register(Job)
class JobAdmin(JobStarts, ReadOnlyAdmin):
    list_display = (
        "number",
        "what",
        "state_shown",
        "progress",
        "errors",
        "created_by_name",
        "created",
        "ended",
    )
    list_display_links = ("number", "what")
    list_select_related = ("creator",)
    list_filter = (("kind", ChoicesDropdownFilter), ("state", ChoicesDropdownFilter))
    ordering = ("-id",)
    sortable_by = ()
    list_before_template = "admin/signet/jobs_head.html"

    @display(description="Job")
    def number(self, job: Job) -> str:
        return f"#{job.pk}"

    @display(description="What")
    def what(self, job: Job) -> str:
        return said_of(job)

    @display(description="State")
    def state_shown(self, job: Job) -> SafeString:
        state = state_of(job, now())
        return show.badge(state, TONES.get(state, ""))

    @display(description="Done")
    def progress(self, job: Job) -> str:
        return f"{job.done:,} of {job.total:,}"

    @display(description="With errors")
    def errors(self, job: Job) -> str:
        return f"{job.refused:,}" if job.refused else "-"

    @display(description="Creator")
    def created_by_name(self, job: Job) -> str:
        return str(job.creator or job.created_by)

    @display(description="Created")
    def created(self, job: Job) -> str:
        return show.instant(job.created_at)

    @display(description="Ended")
    def ended(self, job: Job) -> str:
        return show.instant(job.ended_at)

    # --- page of one ------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/do/<slug:verb>/", view(require_POST(self.do_view)), name="licenses_job_do"),
            path("<int:pk>/progress/", view(require_safe(self.progress_view)), name="licenses_job_progress"),
            path("<int:pk>/results.csv", view(require_safe(self.results_view)), name="licenses_job_results"),
            path("<int:pk>/keys.csv", view(require_POST(self.keys_view)), name="licenses_job_keys"),
            path("<int:pk>/errors.csv", view(require_safe(self.errors_view)), name="licenses_job_errors"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        if request.method not in {"GET", "HEAD"}:
            raise PermissionDenied
        job = self._job(request, object_id)
        wanted = request.GET.get("rows", "")
        wanted = wanted if wanted in SHOWN else ""
        rows = job.rows.filter(state=wanted) if wanted else job.rows.all()
        page = Paginator(rows.order_by("number"), ROWS).get_page(request.GET.get("p"))
        facts = facts_of(job, now())
        context = {
            **self.admin_site.each_context(request),
            "title": f"Job #{job.pk}: {said_of(job)}",
            "opts": self.model._meta,
            "job": job,
            "facts": facts,
            "badge": show.badge(facts.state, TONES.get(facts.state, "")),
            "may_run": may_run(request, job),
            "may_see_keys": _may_see_keys(request, job),
            "progress": progress_of(facts),
            "page": page,
            "rows": wanted,
            "filters": [
                (value, label, facts.counts[value])
                for value, label in SHOWN.items()
                if facts.counts[value] or not value
            ],
            "table": {
                "headers": ["Line", "Account", "Asked for", "State", "License or error"],
                "rows": [row_cells(outcome) for outcome in outcomes(job, list(page.object_list))],
            },
        }
        return TemplateResponse(request, "admin/signet/job.html", context)

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How far the job is, for the bar of its page."""
        job = self._job(request, str(pk))
        answer = JsonResponse(progress_of(facts_of(job, now())))
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def do_view(self, request: HttpRequest, pk: int, verb: str) -> HttpResponse:
        """Start, stop, continue or check; a refusal becomes a message on the job's page."""
        job = self._job(request, str(pk))
        if verb not in DO:
            raise Http404
        if not may_run(request, job):
            raise PermissionDenied
        service, sentence = DO[verb]
        try:
            service(job, actors.user(request.user), now())
        except Refusal as refusal:
            tell(request, refusal)
        else:
            messages.success(request, sentence)
        return HttpResponseRedirect(show.page_of(job))

    # --- downloads --------------------------------------------------------------------------------

    def results_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        job = self._job(request, str(pk))
        return csv_response(f"job-{job.pk}-results.csv", RESULT_COLUMNS, job_results(job=job))

    def keys_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The results with the keys. By POST: each reading of a key is written into the history."""
        job = self._job(request, str(pk))
        if not _may_see_keys(request, job):
            raise PermissionDenied
        rows = job_results_with_keys(job=job, actor=actors.user(request.user), at=now())
        try:
            rows = _begun(rows)
        except Refusal as refusal:
            tell(request, refusal)
            return HttpResponseRedirect(show.page_of(job))
        return csv_response(f"job-{job.pk}-keys.csv", (*RESULT_COLUMNS, "key"), rows)

    def errors_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        job = self._job(request, str(pk))
        return csv_response(f"job-{job.pk}-errors.csv", error_columns(job), job_errors(job=job))

    def _job(self, request: HttpRequest, pk: str) -> Job:
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = Job.objects.select_related("creator")
        job = rows.filter(pk=pk).first() if pk.isdecimal() and len(pk) < 19 else None  # noqa: PLR2004 - beyond no key
        if job is None:
            raise Http404
        return job


def _filters(facts: Facts) -> list[tuple[str, str, int]]:
    """The states that there are rows of."""
    counted = ((value, label, facts.counts[value]) for value, label in SHOWN.items())
    return [each for each in counted if each[2] or not each[0]]


def may_run(request: HttpRequest, job: Job) -> bool:
    """May this member of staff start and stop the job: make every kind of license that it may make (D15)?"""
    return {Kind(kind) for kind in job.order["kinds"]} <= kinds_allowed(request)


def _begun(rows: Iterator[list[Any]]) -> Iterator[list[Any]]:
    """The rows, after the first of them was read: what refuses, refuses before the answer begins."""
    return chain(list(islice(rows, 1)), rows)


def _may_see_keys(request: HttpRequest, job: Job) -> bool:
    """Of all that came of it, or of none."""
    made = job.rows.order_by().filter(license__isnull=False)
    return may_see_keys(request, made.values_list("license__kind", flat=True).distinct())
