"""Signing in: the password first, then, for who has one, the second factor. Both are throttled."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import login as session_open
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from unfold.forms import AdminOwnPasswordChangeForm

from accounts.admin.second_factor_forms import CodeForm
from accounts.models import User
from accounts.second_factor import factor_of, remember, safe_next
from accounts.services.second_factor import factor_verify
from accounts.services.users import user_update
from config.kit import actors
from config.kit.addresses import address_of
from config.kit.api.throttling import demand, parse_limit
from config.kit.clock import now
from config.kit.errors import TooMany, Unavailable
from config.kit.forms import posted

PENDING = "signing_in"
PATIENCE = timedelta(minutes=10)
NEIGHBOURS = 5
"""An office behind one address tries more often than one person."""


def try_count(request: HttpRequest, who: str) -> None:
    """Count a try to prove to be somebody. Raises TooMany (429), Unavailable (503) when nothing counts."""
    address, (count, _) = address_of(request), parse_limit(settings.LOGIN_LIMIT)
    period = settings.LOGIN_LIMIT.partition("/")[2]
    demand(f"login:{address}", f"{count * NEIGHBOURS}/{period}")
    demand(f"login:{address}:{who.strip().lower()}", settings.LOGIN_LIMIT)


class SignInView(LoginView):
    """The form of the admin. Who has a second factor is not signed in before it was given."""

    template_name = "admin/signet/sign_in.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            try_count(request, request.POST.get("username", ""))
        except (TooMany, Unavailable) as refusal:
            return self._refused(request, refusal)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        user: Any = form.get_user()
        if factor_of(user) is None:
            return super().form_valid(form)
        self.request.session[PENDING] = {
            "user": user.pk,
            "backend": user.backend,
            "at": int(now().timestamp()),
            "next": self.get_success_url(),
        }
        return HttpResponseRedirect(reverse("admin:login_code"))

    def get_success_url(self) -> str:
        asked = self.request.POST.get(self.redirect_field_name) or self.request.GET.get(
            self.redirect_field_name
        )
        return safe_next(asked)

    def _refused(self, request: HttpRequest, refusal: TooMany | Unavailable) -> HttpResponse:
        """The form again, without looking at what was typed into it."""
        given = {"username": request.POST.get("username", "")}
        form = self.get_form_class()(request, initial=given)
        answer = self.render_to_response(self.get_context_data(form=form, refused=refusal.detail))
        answer.status_code = refusal.status
        answer.headers["Retry-After"] = str(refusal.retry_after)
        return answer


@sensitive_post_parameters("code")
@never_cache
@csrf_protect
def login_code(request: HttpRequest) -> HttpResponse:
    """The second step: a code of the app, or one of the recovery codes."""
    user = _pending_user(request)
    if user is None:
        request.session.pop(PENDING, None)
        messages.info(request, "That took too long. Please sign in again.")
        return HttpResponseRedirect(reverse("admin:login"))
    form = CodeForm(posted(request))

    def service(data: dict[str, Any]) -> Any:
        try_count(request, f"code of {user.pk}")
        return factor_verify(user=user, code=data["code"], at=now())

    factor = form.submit(request, service)
    if factor is None:
        context = {**admin.site.each_context(request), "title": "Second factor", "form": form}
        status = form.refusal.status if isinstance(form.refusal, TooMany | Unavailable) else 200
        return TemplateResponse(request, "admin/signet/sign_in_code.html", context, status=status)
    pending = request.session.pop(PENDING)
    session_open(request, user, backend=pending["backend"])
    remember(request.session, factor, now())
    return HttpResponseRedirect(safe_next(pending["next"]))


def _pending_user(request: HttpRequest) -> User | None:
    """Who gave the right password in this session a few minutes ago."""
    pending = request.session.get(PENDING)
    if not pending or now().timestamp() - pending["at"] > PATIENCE.total_seconds():
        return None
    return User.objects.filter(pk=pending["user"], is_active=True, second_factor__isnull=False).first()


class OwnPasswordForm(AdminOwnPasswordChangeForm):  # type: ignore[misc] # unfold ships no types
    """One's own new password, written by the service: history tells of it and other sessions end."""

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's signature
        changed = user_update(
            user=self.user,
            changes={},
            password=self.cleaned_data["new_password1"],
            actor=actors.user(self.user),
            at=now(),
        )
        self.user.password = changed.password
        return changed


@method_decorator(sensitive_post_parameters(), name="dispatch")
class OwnPasswordView(PasswordChangeView):
    form_class = OwnPasswordForm
    template_name = "registration/password_change_form.html"

    def get_success_url(self) -> str:
        return reverse("admin:password_change_done")
