"""Where an invitation leads: choose a password, then sign in with it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpResponse
from django.urls import reverse
from unfold.widgets import BASE_INPUT_CLASSES

from accounts.models import User
from accounts.services.invitations import tokens
from accounts.services.users import user_update
from config.kit import actors
from config.kit.clock import now


class ChooseForm(SetPasswordForm):  # type: ignore[type-arg] # generic in its types only
    """The new password, twice; the service writes it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = " ".join(BASE_INPUT_CLASSES)

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's signature
        return user_update(
            user=self.user,
            changes={},
            password=self.cleaned_data["new_password1"],
            actor=actors.user(self.user),
            at=now(),
        )


class WelcomeView(PasswordResetConfirmView):
    """The token goes from the address into the session at once, so that no Referer carries it away."""

    form_class = ChooseForm
    token_generator = tokens
    template_name = "admin/signet/welcome.html"

    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        return user if isinstance(user, User) and user.is_active else None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        given = super().get_context_data(**kwargs)
        return {**admin.site.each_context(self.request), **given, "who": self.user}

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your password is set. Sign in with it.")
        return super().form_valid(form)

    def get_success_url(self) -> str:
        return reverse("admin:login")
