"""The pages that start a job: a list of accounts to make licenses for, and a file of the older tool."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe

from config.kit import actors
from config.kit.clock import now
from config.kit.csv import csv_response
from config.kit.forms import posted
from licenses.admin.account_field import may_open_accounts
from licenses.admin.display import page_of
from licenses.admin.generate import kinds_allowed
from licenses.admin.generate_forms import plan_facts
from licenses.admin.job_forms import BulkForm, ImportForm
from licenses.admin.key_sight import may_see_keys
from licenses.admin.pages import form_page
from licenses.admin.people import staff
from licenses.domain.rows import LEGACY_COLUMNS, ORDER_COLUMNS
from licenses.models import Job
from licenses.services import generating, importing
from licenses.services.job_checks import generation_check, import_check

LIST = "admin:licenses_job_changelist"
IMPORT = "licenses.create_commercial"


class JobStarts:
    """Mixed into the admin of jobs."""

    model: Any

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc] # mixed into a ModelAdmin
        view = self.admin_site.admin_view  # type: ignore[attr-defined] # of the ModelAdmin
        pages = (
            ("generate/", self.generate_view, "licenses_job_generate"),
            (
                "generate/template.csv",
                require_safe(self.generate_template_view),
                "licenses_job_generate_template",
            ),
            ("import/", self.import_view, "licenses_job_import"),
            ("import/template.csv", require_safe(self.import_template_view), "licenses_job_import_template"),
        )
        return [*(path(address, view(page), name=name) for address, page, name in pages), *urls]

    def generate_view(self, request: HttpRequest) -> HttpResponse:
        """A list of accounts and what each gets; every row is checked before anything is made."""
        kinds = kinds_allowed(request)
        if not kinds:
            raise PermissionDenied
        form = BulkForm(
            posted(request), request.FILES or None, kinds=kinds,
            may_see_key=may_see_keys(request, kinds),
        )  # fmt: skip
        creator = staff(request)
        job = form.submit(
            request,
            lambda _: generation_check(
                lines=form.lines(), order=form.order(), file=form.file_name(), actor=actors.user(creator),
                creator=creator, at=now(),
            ),
        )  # fmt: skip
        if job is not None:
            return _checked(request, job)
        return form_page(
            request, form, title="Generate in bulk", submit="Check the list", opts=self.model._meta,
            template="admin/signet/bulk.html", back=reverse(LIST), plan_facts=plan_facts(form.plans),
            template_url=reverse("admin:licenses_job_generate_template"), columns=_columns(ORDER_COLUMNS, BULK_HELP),
            consequences=(
                "Every row is checked first and nothing is made before you say so.",
                "Where a field and a row stay empty, what the plan says holds.",
            ),
        )  # fmt: skip

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """A file of the older tool; every row is checked before anything is imported."""
        if not request.user.has_perm(IMPORT):
            raise PermissionDenied
        form = ImportForm(posted(request), request.FILES or None, may_open=may_open_accounts(request))
        creator = staff(request)
        job = form.submit(
            request,
            lambda data: import_check(
                lines=form.lines(), create_accounts=data.get("create_accounts", False), kinds=kinds_allowed(request),
                file=data["file"].name, actor=actors.user(creator), creator=creator, at=now(),
            ),
        )  # fmt: skip
        if job is not None:
            return _checked(request, job)
        return form_page(
            request, form, title="Import licenses of an older tool", submit="Check the file", opts=self.model._meta,
            template="admin/signet/import.html", back=reverse(LIST),
            template_url=reverse("admin:licenses_job_import_template"), columns=_columns(LEGACY_COLUMNS, IMPORT_HELP),
            required=importing.COLUMNS.required,
            consequences=(
                "Every row is checked first and nothing is written before you say so.",
                "Then all of the file is imported, or nothing of it.",
                "Imported licenses are records: listed and reported with the rest, and never signed or renewed here.",
                "A license whose product and legacy_key are known already is skipped, so a file may be sent twice.",
            ),
        )  # fmt: skip

    def generate_template_view(self, request: HttpRequest) -> HttpResponseBase:
        if not kinds_allowed(request):
            raise PermissionDenied
        return csv_response("licenses-to-make.csv", ORDER_COLUMNS, generating.EXAMPLES)

    def import_template_view(self, request: HttpRequest) -> HttpResponseBase:
        if not request.user.has_perm(IMPORT):
            raise PermissionDenied
        return csv_response("licenses-to-import.csv", LEGACY_COLUMNS, importing.EXAMPLES)


def _checked(request: HttpRequest, job: Job) -> HttpResponse:
    said = "The rows are being checked." if job.state == Job.State.CHECKING else "Checked."
    messages.success(request, f"{said} Nothing has happened yet.")
    return HttpResponseRedirect(page_of(job))


def _columns(names: tuple[str, ...], words: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, words.get(name, "as the plan says when empty")) for name in names]


_COMMON = {
    "product": "its key; needed when several products have the plan",
    "plan": "its code; empty: the plan above",
    "kind": "commercial, trial or test",
    "edition": "community or enterprise",
    "quantity": "how many were sold; empty: 1",
    "starts": "a day such as 2027-01-31, its midnight in UTC, or a day with a time",
    "ends": "as starts, or perpetual",
    "internal": "yes or no",
    "comment": "for staff",
}
BULK_HELP = {
    **_COMMON,
    "account": "slug, customer id, e-mail or exact name",
    "days": "instead of ends",
    "entitlements": "slugs, with values if need be: sso projects=20",
    "fingerprint": "of the machine it is bound to",
}
IMPORT_HELP = {
    **_COMMON,
    "product": "its key",
    "plan": "its code",
    "legacy_key": "id of the license in the older tool",
    "account": "slug or customer id",
    "account_name": "the exact name instead, also of an account to be opened",
    "account_kind": "customer, prospect or internal, for an account to be opened",
    "creator": "who made it in the older tool",
    "created": "when it was made there; empty: now",
}
