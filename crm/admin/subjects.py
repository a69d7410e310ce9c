"""What a task is about, as a link to its page."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from crm.models import Task
from history.naming import names_of
from licenses.models import Installation

_NEEDS = {
    "license": "licenses.view_license",
    "trial": "trials.view_trial",
    "evidence": "trials.view_evidencepackage",
    "subscription": "billing.view_subscription",
    "account": "accounts.view_account",
    "person": "crm.view_person",
}


def subject_link(request: HttpRequest, row: Task) -> SafeString | str:
    """The name of what it is about, with the way there for who may see it."""
    if not row.subject_type:
        return "-"
    if row.subject_type == "installation":
        return _installation(request, row.subject_id)
    if row.subject_type == "day":
        return _day(request, row.subject_id)
    name = names_of([f"{row.subject_type}:{row.subject_id}"])[f"{row.subject_type}:{row.subject_id}"]
    needed = _NEEDS.get(row.subject_type)
    if not name.url or needed is None or not request.user.has_perm(needed):
        return name.text
    return _link(name.url, name.text)


def _installation(request: HttpRequest, key: str) -> SafeString | str:
    found = Installation.objects.filter(pk=int(key)).first() if key.isdecimal() else None
    if found is None:
        return f"installation {key}"
    url = reverse("admin:licenses_installation_change", args=[found.pk])
    text = f"installation {found.install_id}"
    return _link(url, text) if request.user.has_perm("licenses.view_installation") else text


def _day(request: HttpRequest, day: str) -> SafeString | str:
    """The funnel of that day."""
    if not request.user.has_perm("trials.view_trial"):
        return day
    return _link(f"{reverse('admin:trials_trial_funnel')}?from={day}&to={day}&period=own", day)


def _link(url: str, text: str) -> SafeString:
    return format_html('<a href="{}" class="text-link">{}</a>', url, text)
