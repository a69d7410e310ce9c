"""The admin site. Its menu is built in `config.navigation`, its first page in `config.dashboard`."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import unquote
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from unfold.sites import UnfoldAdminSite

from config import mail_files
from config.kit.errors import Refusal, TooMany, Unavailable

View = Callable[..., Any]


def _demand_possible_id(view: View, object_id: Any) -> None:
    model_admin = getattr(view, "__self__", None)
    if object_id is None or not isinstance(model_admin, ModelAdmin):
        return
    key = model_admin.opts.pk
    try:
        key.run_validators(key.to_python(unquote(str(object_id))))  # the range of integers among them
    except ValidationError as error:
        raise Http404 from error


class SignetAdminSite(UnfoldAdminSite):  # type: ignore[misc] # unfold ships no types
    site_title = "Signet"
    site_header = "Signet"
    index_title = "License office"
    index_template = "admin/signet/dashboard.html"
    enable_nav_sidebar = True

    def admin_view(self, view: View, cacheable: bool = False) -> View:  # noqa: FBT001, FBT002 - Django's signature
        """Let a refusal that no page rendered itself be a page with its status, never a 500.

        A page of a row whose id no row of its model can have is not there (404): what asks for the row,
        permission checks of single actions among them, need not check that each for itself.
        """

        def refusing(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            _demand_possible_id(view, kwargs.get("object_id"))
            try:
                return view(request, *args, **kwargs)
            except Refusal as refusal:
                return self._refused(request, refusal)

        inner: View = super().admin_view(update_wrapper(refusing, view), cacheable)
        return inner

    def _refused(self, request: HttpRequest, refusal: Refusal) -> HttpResponseBase:
        context = {**self.each_context(request), "title": refusal.title, "detail": refusal.detail}
        answer = TemplateResponse(request, "admin/signet/refused.html", context, status=refusal.status)
        if isinstance(refusal, TooMany | Unavailable):
            answer.headers["Retry-After"] = str(refusal.retry_after)
        return answer

    def extra_urls(self) -> list[URLPattern]:
        # admin modules register themselves with this very site, so they come late
        from accounts.admin import second_factor
        from config import attention_page, palette
        from licenses.admin import own_license

        return [
            *second_factor.urls(self),
            *attention_page.urls(self),
            *own_license.urls(self),
            path("palette/", self.admin_view(palette.palette), name="palette"),
            path("mail/", self.admin_view(mail_files.mail_list), name="mail_files"),
            path("mail/<str:name>/", self.admin_view(mail_files.mail_page), name="mail_file"),
        ]

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Ask for the password, and then for the second factor of who has one."""
        from accounts.admin.signing_in import SignInView

        if request.method == "GET" and self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index", current_app=self.name))
        context = {
            **self.each_context(request),
            "title": "Sign in",
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
            REDIRECT_FIELD_NAME: request.GET.get(REDIRECT_FIELD_NAME, ""),
            **(extra_context or {}),
        }
        request.current_app = self.name
        return SignInView.as_view(extra_context=context, authentication_form=self.login_form)(request)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Change one's own password through the service, which tells the history."""
        from accounts.admin.signing_in import OwnPasswordView

        context = {**self.each_context(request), **(extra_context or {})}
        request.current_app = self.name
        return OwnPasswordView.as_view(extra_context=context)(request)

    def extra_context(self, context: dict[str, Any], _request: HttpRequest) -> dict[str, Any]:
        """No colours in an inline style: the CSP of the admin refuses it, `signet/admin.css` has them."""
        return {**context, "colors": None}
