"""The page "Needs attention": everything that failed and waits for a person, and its number in the menu."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST, require_safe

from config.attention import (
    Found,
    Retried,
    count,
    look,
    may_manage,
    problem_bring_back,
    problem_retry,
    problem_set_aside,
    problems_retry,
    source_of,
    visible,
)
from config.kit import actors
from config.kit.admin import tell
from config.kit.attention import Source
from config.kit.clock import now
from config.kit.errors import NotFound, Refusal
from config.models import SetAside
from licenses.admin.people import names_of

ASIDE_SHOWN = 100
LONGEST_KEY = 100


def may_look(request: HttpRequest) -> bool:
    return bool(request.user.is_active and visible(request.user))


def urls(site: Any) -> list[URLPattern]:
    return [
        path("attention/", site.admin_view(require_safe(attention_page)), name="attention"),
        path("attention/count/", site.admin_view(require_safe(attention_count)), name="attention_count"),
        path("attention/aside/", site.admin_view(require_safe(aside_page)), name="attention_aside"),
        path("attention/do/", site.admin_view(require_POST(attention_do)), name="attention_do"),
    ]


def attention_page(request: HttpRequest) -> HttpResponse:
    """Every source that this member of staff may see, those with problems first."""
    at = now()
    shown = _demand(request)
    found = [look(source, at=at) for source in shown]
    open_ones = sorted((one for one in found if one.problems), key=_urgent, reverse=True)
    context = {
        **admin.site.each_context(request),
        "title": "Needs attention",
        "found": [_section(request, one) for one in open_ones],
        "well": [one.source.title for one in found if not one.problems],
        "number": sum(len(one.problems) for one in found),
        "more": any(one.more for one in found),
        "aside": SetAside.objects.filter(source__in=[source.name for source in shown]).count(),
        "looked_at": at,
    }
    return TemplateResponse(request, "admin/signet/attention.html", context)


def attention_count(request: HttpRequest) -> JsonResponse:
    """The number for the menu, counted anew every few seconds at most."""
    number, more = count(_demand(request), at=now())
    answer = JsonResponse({"count": number, "more": more})
    answer.headers["Cache-Control"] = "no-store"
    return answer


def aside_page(request: HttpRequest) -> HttpResponse:
    """What was set aside, newest first, to be brought back."""
    shown = {source.name: source for source in _demand(request)}
    rows = list(SetAside.objects.filter(source__in=shown).order_by("-pk")[:ASIDE_SHOWN])
    names = names_of(row.set_by for row in rows)
    context = {
        **admin.site.each_context(request),
        "title": "Set aside",
        "rows": [
            (row, shown[row.source], names[row.set_by], may_manage(request.user, shown[row.source]))
            for row in rows
        ],
        "most": ASIDE_SHOWN,
    }
    return TemplateResponse(request, "admin/signet/attention_aside.html", context)


def attention_do(request: HttpRequest) -> HttpResponse:
    """Try again (`retry`, `retry_all`), set aside (`aside`) or bring back (`back`) a problem of a source."""
    _demand(request)
    given, back = request.POST, "admin:attention"
    try:
        source = source_of(given.get("source", ""), request.user)
    except NotFound:
        raise Http404 from None
    if not may_manage(request.user, source):
        raise PermissionDenied
    key = given.get("key", "")[:LONGEST_KEY]
    if not key.isprintable():
        raise Http404
    by: dict[str, Any] = {"source": source, "actor": actors.user(request.user), "at": now()}
    try:
        match given.get("do"):
            case "retry":
                messages.success(request, problem_retry(key=key, **by))
            case "retry_all":
                _say(request, problems_retry(**by))
            case "aside":
                problem_set_aside(key=key, **by)
                messages.success(request, "Set aside. It stands under “Set aside” if it is wanted again.")
            case "back":
                problem_bring_back(key=key, **by)
                back = "admin:attention_aside"
                messages.success(request, "It is shown again, as long as it is a problem.")
            case _:
                raise Http404
    except Refusal as refusal:
        tell(request, refusal)
    return HttpResponseRedirect(reverse(back))


def _demand(request: HttpRequest) -> tuple[Source, ...]:
    shown = visible(request.user)
    if not shown:
        raise PermissionDenied
    return shown


def _urgent(found: Found) -> bool:
    return any(problem.urgent for problem in found.problems)


def _section(request: HttpRequest, found: Found) -> dict[str, Any]:
    source = found.source
    manages = may_manage(request.user, source)
    retries = manages and source.retry is not None
    return {
        "source": source,
        "number": found.number,
        "url": source.url() if source.url else "",
        "retries": retries,
        "retries_all": retries and sum(problem.retryable for problem in found.problems) > 1,
        "asides": manages and not source.lasting,
        "problems": found.problems,
        "more": found.more,
    }


def _say(request: HttpRequest, retried: Retried) -> None:
    for detail, number in retried.refused.items():
        messages.error(request, f"{number} refused: {detail}")
    if retried.done:
        messages.success(request, f"{len(retried.done)} tried again. Look again in a moment.")
    elif not retried.refused:
        messages.info(request, "There was nothing to try again.")
