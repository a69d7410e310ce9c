"""The pages of one's own second factor: set it up, give a code, make recovery codes, take it away."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import segno
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.debug import sensitive_post_parameters

from accounts import codes
from accounts.admin.second_factor_forms import CodeForm, EnrolForm
from accounts.admin.signing_in import login_code, try_count
from accounts.admin.welcome import WelcomeView
from accounts.models import User
from accounts.second_factor import ask, factor_of, fresh, remember, safe_next
from accounts.services.second_factor import (
    factor_enrol,
    factor_remove,
    factor_verify,
    recovery_codes_renew,
)
from config.kit import actors
from config.kit.clock import now
from config.kit.errors import FieldError, Invalid, Refusal
from config.kit.forms import ServiceForm, posted
from config.kit.pages import form_page
from config.kit.sealing import seal, unseal

ISSUER = "Signet"
HELD = "second_factor_new"
"""Where a session keeps the secret, sealed, until a code has proved it: a reloaded page shows the same one."""


def urls(site: Any) -> Iterator[URLPattern]:
    """The routes of this module, of the second step of signing in, and of invitations."""
    yield path("login/code/", login_code, name="login_code")
    yield path("welcome/<uidb64>/<token>/", WelcomeView.as_view(), name="welcome")
    for name, view in (
        ("", overview),
        ("enrol", enrol),
        ("confirm", confirm),
        ("recovery-codes", recovery_codes),
        ("remove", remove),
    ):
        route = f"second-factor/{name}/" if name else "second-factor/"
        named = f"second_factor_{name.replace('-', '_')}" if name else "second_factor"
        yield path(route, site.admin_view(view), name=named)


def overview(request: HttpRequest) -> HttpResponse:
    """Whether one has a second factor, and what to do with it."""
    factor = factor_of(request.user)
    left = factor.codes.filter(used_at=None).count() if factor else 0
    return _page(request, "second_factor", "Your second factor", factor=factor, codes_left=left)


@sensitive_post_parameters("password", "code")
def enrol(request: HttpRequest) -> HttpResponse:
    """Set up an app: scan, give its code, keep the recovery codes. Replacing one takes a fresh code of it."""
    user = _me(request)
    has_one = factor_of(user) is not None
    if has_one and not fresh(request):
        return ask(request)
    secret = _secret_in_hand(request)
    form = EnrolForm(posted(request), ask_password=not has_one)

    def service(data: dict[str, Any]) -> Any:
        try_count(request, f"enrolment of {user.pk}")
        if not has_one and not user.check_password(data["password"]):
            raise Invalid([FieldError("password", "wrong_password", "This is not your password.")])
        actor = actors.user(user)
        return factor_enrol(user=user, secret=secret, code=data["code"], actor=actor, at=now())

    enrolled = form.submit(request, service)
    if enrolled is None:
        return _enrol_page(request, form, secret)
    factor, texts = enrolled
    del request.session[HELD]
    request.session.cycle_key()
    remember(request.session, factor, now())
    return _codes_page(request, texts)


@sensitive_post_parameters("code")
def confirm(request: HttpRequest) -> HttpResponse:
    """Ask for a code before a page that demands one, and go on there."""
    user = _me(request)
    onward = safe_next(request.GET.get("next"))
    if factor_of(user) is None:
        return HttpResponseRedirect(f"{reverse('admin:second_factor_enrol')}?{request.GET.urlencode()}")
    form = CodeForm(posted(request))
    factor = form.submit(request, lambda data: _verified(request, user, data["code"]))
    if factor is not None:
        remember(request.session, factor, now())
        return HttpResponseRedirect(onward)
    says = (
        "The page you are going to makes secrets or gives rights: it asks for a code of your app now and then.",
        "Lost the device? One of your recovery codes does as well.",
    )
    return _form(request, form, "Confirm that it is you", "Continue", says, back=reverse("admin:index"))


def recovery_codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes in place of the old ones."""
    if factor_of(request.user) is None or not fresh(request):
        return ask(request)
    form = ServiceForm(posted(request))
    made = form.submit(request, lambda _: recovery_codes_renew(**_by(request)))
    if made is not None:
        return _codes_page(request, made)
    says = ("Ten new codes are made and shown once.", "The codes you have now stop working at once.")
    return _form(request, form, "New recovery codes", "Make new codes", says)


def remove(request: HttpRequest) -> HttpResponse:
    """Take one's own second factor away."""
    if factor_of(request.user) is None or not fresh(request):
        return ask(request)
    form = ServiceForm(posted(request))

    def service(_: dict[str, Any]) -> bool:
        factor_remove(**_by(request))
        return True

    if form.submit(request, service):
        messages.success(request, "Your second factor is removed.")
        return HttpResponseRedirect(reverse("admin:second_factor"))
    says = (
        "From then on your password alone signs you in.",
        "Pages that ask for a second factor will have you set one up again.",
        "Your recovery codes stop working.",
    )
    return _form(request, form, "Remove your second factor", "Remove", says, danger=True)


def _verified(request: HttpRequest, user: User, code: str) -> Any:
    try_count(request, f"code of {user.pk}")
    return factor_verify(user=user, code=code, at=now())


def _secret_in_hand(request: HttpRequest) -> bytes:
    kept = request.session.get(HELD)
    if kept is not None:
        try:
            return unseal(base64.b64decode(kept))
        except Refusal:  # the key-encryption keys were changed meanwhile
            pass
    secret = codes.secret_new()
    request.session[HELD] = base64.b64encode(seal(secret)).decode()
    return secret


def _enrol_page(request: HttpRequest, form: EnrolForm, secret: bytes) -> HttpResponse:
    uri = codes.secret_uri(secret, issuer=ISSUER, name=str(_me(request).email))
    return _form(
        request, form, "Set up a second factor", "Turn on", template="admin/signet/second_factor_enrol.html",
        back=reverse("admin:second_factor"),
        picture=segno.make(uri, error="m").svg_data_uri(border=4, scale=5, light="#fff", omitsize=True),
        uri=uri, secret=codes.secret_text(secret), onward=request.GET.get("next"),
    )  # fmt: skip


def _codes_page(request: HttpRequest, texts: list[str]) -> HttpResponse:
    """The recovery codes, in the answer itself: no message, session or log ever holds them."""
    onward = safe_next(request.GET.get("next")) if "next" in request.GET else reverse("admin:second_factor")
    return _page(
        request, "recovery_codes", "Your recovery codes", codes="\n".join(texts), onward=onward,
        file_name="signet-recovery-codes.txt",
    )  # fmt: skip


def _me(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return User.objects.get(pk=request.user.pk)


def _by(request: HttpRequest) -> dict[str, Any]:
    return {"user": _me(request), "actor": actors.user(request.user), "at": now()}


def _form(
    request: HttpRequest, form: ServiceForm, title: str, submit: str, consequences: tuple[str, ...] = (),
    **context: Any,
) -> HttpResponse:  # fmt: skip
    given = {"back": reverse("admin:second_factor"), **context}
    return form_page(
        request, form, title=title, submit=submit, consequences=consequences, opts=User._meta, **given
    )


def _page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    shown = {**admin.site.each_context(request), "title": title, **context}
    return TemplateResponse(request, f"admin/signet/{template}.html", shown)
