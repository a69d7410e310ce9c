"""Which pages ask for a second factor, and whether the session of a request has passed one.

A password opens the admin. Pages behind which secrets are made or rights are given ask for more:

- `SecondFactorRequired` before the other bases of a ModelAdmin covers every page of it;
- `second_factor_required` covers one view;
- `required(request)` is what both ask.

A code that was given at sign-in or on such a page is good for SIGNET_SECOND_FACTOR_MINUTES; what was opened in
that time may be sent for as long again, so that nobody loses what they typed. SIGNET_REQUIRE_SECOND_FACTOR
turns the demand on and off for the whole installation.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import update_wrapper
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.models import SecondFactor
from config.kit.clock import now

KEY = "second_factor"
READING = frozenset({"GET", "HEAD", "OPTIONS"})

View = Callable[..., Any]


def factor_of(user: Any) -> SecondFactor | None:
    return SecondFactor.objects.filter(user_id=user.pk).first()


def remember(session: Any, factor: SecondFactor, at: datetime) -> None:
    """Note in a session that the factor's owner gave a code."""
    session[KEY] = {"factor": factor.pk, "at": int(at.timestamp())}


def passed_at(request: HttpRequest) -> datetime | None:
    """When this session's user last gave a code; None without one, or when that factor is gone."""
    entry = request.session.get(KEY)
    if not entry or not request.user.is_authenticated:
        return None
    factors = SecondFactor.objects.filter(pk=entry["factor"], user_id=request.user.pk)
    return datetime.fromtimestamp(entry["at"], UTC) if factors.exists() else None


def fresh(request: HttpRequest) -> bool:
    """Whether a code was given so lately that it counts for what this request wants to do."""
    at = passed_at(request)
    return at is not None and now() - at <= _good_for(request)


def _good_for(request: HttpRequest) -> timedelta:
    minutes = timedelta(minutes=settings.SECOND_FACTOR_MINUTES)
    return minutes if request.method in READING else 2 * minutes


def passed(request: HttpRequest) -> bool:
    """Whether this installation's demand, if it makes one, is met."""
    return not settings.REQUIRE_SECOND_FACTOR or fresh(request)


def required(request: HttpRequest) -> HttpResponse | None:
    """None when the request may go on; otherwise the answer that leads to the code and back."""
    return None if passed(request) else ask(request)


def ask(request: HttpRequest) -> HttpResponse:
    """Lead to the page that asks for a code, or to where one sets up an app, and back from there."""
    if request.method not in READING:
        messages.warning(request, "Nothing was changed yet: your second factor is asked for first.")
    name = "second_factor_confirm" if factor_of(request.user) else "second_factor_enrol"
    address = f"{reverse(f'admin:{name}')}?{urlencode({'next': _page_of(request)})}"
    if request.headers.get("HX-Request"):  # a dialog: the page behind it goes there
        return HttpResponse(headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def second_factor_required(view: View) -> View:
    """Let a view of the admin be reached with a second factor only."""

    def demanding(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return required(request) or view(request, *args, **kwargs)

    return update_wrapper(demanding, view)


class SecondFactorRequired:
    """A ModelAdmin whose every page, actions among them, asks for a second factor.

    Strangers still meet the sign-in form first, and who lacks the permission a 403.
    """

    def get_urls(self) -> list[URLPattern]:
        patterns: list[URLPattern] = super().get_urls()  # type: ignore[misc] # mixed into a ModelAdmin
        return [URLPattern(p.pattern, self._demanding(p.callback), p.default_args, p.name) for p in patterns]

    def _demanding(self, view: View) -> View:
        def demanding(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refused = required(request) if self._may_enter(request) else None
            return refused or view(request, *args, **kwargs)

        return update_wrapper(demanding, view)

    def _may_enter(self, request: HttpRequest) -> bool:
        admin: Any = self
        if not admin.admin_site.has_permission(request):
            return False
        return bool(admin.has_view_permission(request) or admin.has_add_permission(request))


def safe_next(address: str | None) -> str:
    r"""A page of the admin to go on to; the first page for anything else that came as `next`.

    Only a path is taken, judged as a browser parses it (`//host`, `/\host` and `https:host` lead away).
    """
    home = reverse("admin:index")
    if not address or not url_has_allowed_host_and_scheme(address, allowed_hosts=None):
        return home
    return address if urlsplit(address).path.startswith(home) else home


def _page_of(request: HttpRequest) -> str:
    """The page that a person looks at: for a dialog or a form that is not the address of the request."""
    if request.method in READING and not request.headers.get("HX-Request"):
        return request.get_full_path()
    seen = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer", ""))
    return safe_next(urlunsplit(("", "", seen.path, seen.query, "")))
