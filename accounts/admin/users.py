"""Members of staff and their roles. Superadmins change them; auditors look."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import BooleanRadioFilter, RelatedDropdownFilter
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminRadioSelectWidget,
)

from accounts import roles
from accounts.admin.dialogs import dialog, run_on
from accounts.models import SecondFactor, User
from accounts.second_factor import SecondFactorRequired
from accounts.services.invitations import Invitation, user_invite
from accounts.services.second_factor import factor_remove
from accounts.services.users import user_create, user_deactivate, user_update
from config.kit import actors
from config.kit.admin import ServiceAdmin
from config.kit.clock import now
from config.kit.display import label, page_of
from config.kit.forms import ServiceForm, posted
from config.kit.pages import form_page, in_dialog

COLUMNS = ("email", "name", "is_superuser", "is_active")
INVITE, PASSWORD = "invite", "password"
HOW = [
    (INVITE, "Mail a link with which they choose a password"),
    (PASSWORD, "Set a password here and tell them"),
]


class _RoleField(forms.ModelMultipleChoiceField[Group]):
    """Check boxes that say what each role may do."""

    def label_from_instance(self, obj: Any) -> str:
        said = roles.DESCRIPTIONS.get(obj.name)
        return f"{obj.name}: {said}" if said else str(obj.name)


class UserForm(forms.ModelForm[User]):
    roles = _RoleField(
        queryset=Group.objects.order_by("name"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    new_password = forms.CharField(
        label="Password",
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Leave empty to keep it as it is. A new one ends the user's sessions.",
    )

    class Meta:
        model = User
        fields = COLUMNS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["roles"] = list(self.instance.groups.values_list("pk", flat=True))
        if "is_superuser" in self.fields:
            self.fields["is_superuser"].label = "Superadmin"
            self.fields["is_superuser"].help_text = roles.SUPERADMIN

    @property
    def role_names(self) -> list[str]:
        return [group.name for group in self.cleaned_data["roles"]]

    def changes(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in COLUMNS if name in self.changed_data}


class NewUserForm(UserForm):
    """With the choice of how the new one gets in."""

    how = forms.ChoiceField(
        label="How they get in", choices=HOW, initial=INVITE, widget=UnfoldAdminRadioSelectWidget()
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password"].help_text = "Only when you set it here: 12 characters or more."

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("how") == PASSWORD and not data.get("new_password"):
            self.add_error("new_password", "Set a password, or mail a link instead.")
        if data.get("how") == INVITE:
            data["new_password"] = ""
        return data


@admin.register(User)
class UserAdmin(SecondFactorRequired, ServiceAdmin):
    form = UserForm
    list_display = ("email", "name", "role_list", "second_factor_shown", "state", "last_login")
    list_filter = (
        ("is_active", BooleanRadioFilter),
        ("is_superuser", BooleanRadioFilter),
        ("groups", RelatedDropdownFilter),
    )
    search_fields = ("email", "name")
    search_help_text = "E-mail or name"
    ordering = ("email",)
    readonly_fields = ("second_factor_shown", "last_login", "date_joined")
    actions_detail = ("invite", "remove_second_factor", "deactivate")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users: QuerySet[User] = super().get_queryset(request)
        has_factor = Exists(SecondFactor.objects.filter(user=OuterRef("pk")))
        return users.prefetch_related("groups").annotate(has_factor=has_factor)

    @display(description="roles")  # type: ignore[untyped-decorator] # unfold ships no types
    def role_list(self, user: User) -> str:
        held = sorted(group.name for group in user.groups.all())
        return ", ".join(["superadmin", *held] if user.is_superuser else held) or "-"

    @display(description="second factor")  # type: ignore[untyped-decorator] # as above
    def second_factor_shown(self, user: User) -> SafeString:
        return label("on", "success") if getattr(user, "has_factor", False) else label("none")

    @display(description="state", ordering="is_active")  # type: ignore[untyped-decorator] # as above
    def state(self, user: User) -> SafeString:
        return label("active", "success") if user.is_active else label("switched off")

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = NewUserForm
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        if not request.user.is_superuser:
            return ("email", "name", "role_list", "is_superuser", "is_active", *self.readonly_fields)
        if obj is None:
            return ("email", "name", "how", "new_password", "is_superuser", "roles")
        return ("email", "name", "new_password", "is_superuser", "roles", "is_active", *self.readonly_fields)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        return self.readonly_fields if request.user.is_superuser else ("role_list", *self.readonly_fields)

    # --- who may ----------------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.view_user")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # records name users for ever; they are switched off

    def has_deactivate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        active = User.objects.filter(pk=object_id, is_active=True)
        return self.has_change_permission(request) and active.exists()

    def has_invite_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self.has_deactivate_permission(request, object_id)

    def has_unfactor_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Of others: one's own is removed on its own page, where a code is asked for."""
        others = SecondFactor.objects.filter(user=object_id).exclude(user=request.user.pk)
        return self.has_change_permission(request) and others.exists()

    # --- writing ----------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: User, form: UserForm, change: bool) -> None:  # noqa: FBT001 - Django's signature
        given: dict[str, Any] = {
            "password": form.cleaned_data["new_password"] or None,
            "roles": form.role_names,
            "actor": actors.user(request.user),
            "at": now(),
        }
        if change:
            saved = user_update(user=obj, changes=form.changes(), **given)
        else:
            saved = user_create(**form.changes(), **given)
            if form.cleaned_data["how"] == INVITE:
                vars(request)["invitation"] = user_invite(user=saved, actor=given["actor"], at=given["at"])
        vars(obj).update(vars(saved))

    def response_add(
        self, request: HttpRequest, obj: User, post_url_continue: str | None = None
    ) -> HttpResponse:
        invitation = vars(request).get("invitation")
        if invitation is not None:
            return self._invited(request, invitation)
        answer: HttpResponse = super().response_add(request, obj, post_url_continue)
        return answer

    @in_dialog
    @action(description="Send a password link", icon="mail", url_path="invite", permissions=["invite"])  # type: ignore[untyped-decorator] # as above
    def invite(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = self._user(object_id)
        form = ServiceForm(posted(request))
        invitation = form.submit(
            request, lambda _: user_invite(user=user, actor=actors.user(request.user), at=now())
        )
        if invitation is not None:
            return self._invited(request, invitation)
        says = (
            f"{user.email} gets a link with which to choose a new password. It works once, for three days.",
            "The password of now stays good until then. A second factor is still asked for.",
        )
        return self._form(request, user, form, "Send a password link", submit="Send", says=says)

    @in_dialog
    @action(
        description="Remove second factor", icon="phonelink_erase", url_path="remove-second-factor",
        permissions=["unfactor"],
    )  # type: ignore[untyped-decorator] # as above # fmt: skip
    def remove_second_factor(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = self._user(object_id)
        form = ServiceForm(posted(request))

        def service(_: dict[str, Any]) -> bool:
            factor_remove(user=user, actor=actors.user(request.user), at=now())
            return True

        if form.submit(request, service):
            messages.success(request, f"The second factor of {user} is removed.")
            return HttpResponseRedirect(page_of(user))
        says = (
            f"{user} signs in by password alone until they set up another device.",
            "Their recovery codes stop working, and pages that ask for a second factor close to them.",
            "Make sure that it is really they who ask: a call back to a number you know.",
        )
        return self._form(
            request, user, form, "Remove second factor", submit="Remove", says=says, danger=True
        )

    @action(  # type: ignore[untyped-decorator] # unfold ships no types
        description="Deactivate",
        icon="person_off",
        permissions=["deactivate"],
        dialog=dialog(
            "Deactivate this user", "Their sessions end at once. Records keep naming them.", "Deactivate"
        ),
    )
    def deactivate(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        def service(row: User) -> None:
            user_deactivate(user=row, actor=actors.user(request.user), at=now())

        return run_on(self, request, object_id, service, "The user cannot sign in any more.")

    def _user(self, object_id: str) -> User:
        user = User.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        if user is None:
            raise Http404
        return user

    def _invited(self, request: HttpRequest, invitation: Invitation) -> HttpResponse:
        """The link in the answer itself: no message, session or log ever holds it."""
        context = {
            **admin.site.each_context(request),
            "title": f"A link for {invitation.user.email}",
            "invitation": invitation,
            "back": page_of(invitation.user),
        }
        answer = TemplateResponse(request, "admin/signet/invitation.html", context)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _form(
        self, request: HttpRequest, user: User, form: ServiceForm, title: str, *, submit: str,
        says: tuple[str, ...], **context: Any,
    ) -> HttpResponse:  # fmt: skip
        return form_page(
            request, form, title=f"{title}: {user}", submit=submit, consequences=says, back=page_of(user),
            opts=User._meta, original=user, **context,
        )  # fmt: skip
