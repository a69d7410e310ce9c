"""References as the pages of evidence show them: a task of ours by its name, anything else as it stands."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from history.naming import names_of
from trials.tracking import TASK, tasks_are_kept


def references_shown(request: HttpRequest, references: Iterable[str]) -> dict[str, SafeString | str]:
    """Each reference with what is shown for it; a link for who may see the task."""
    shown: dict[str, SafeString | str] = {reference: reference for reference in references}
    tasks = [reference for reference in shown if reference.startswith(TASK)]
    if not tasks or not tasks_are_kept():
        return shown
    for reference, name in names_of(tasks).items():
        if name.page and request.user.has_perm(name.needs):
            link = '<a href="{}" class="text-link" title="{}">{}</a>'
            shown[reference] = format_html(link, name.page, reference, name.text)
    return shown
