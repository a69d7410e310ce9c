"""Signing keys: their states and the steps of a rotation. Private material is on no page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from accounts.second_factor import SecondFactorRequired
from config.kit import actors
from config.kit.admin import COUNT_LIMIT, ReadOnlyAdmin
from config.kit.clock import now
from licenses.admin import display as show
from licenses.admin.forms import ServiceForm, note, posted, select, switch
from licenses.admin.pages import done, form_page, in_dialog
from licenses.domain.enums import Algorithm, KeyState, LicenseStatus
from licenses.models import Issuance, License, Product, SigningKey
from licenses.models.catalogue import choices
from licenses.selectors import live_licenses_of_key
from licenses.services.keys import (
    key_activate,
    key_generate,
    key_import,
    key_retire,
    key_revoke,
    key_rotate,
)

ROTATE = "licenses.rotate_signingkey"
JWKS = "/.well-known/jwks.json"
AFFECTED = 20
NEXT = {
    KeyState.STAGED: "Published and not signing yet. Activate it once every deployment has fetched it.",
    KeyState.ACTIVE: "Signs. Rotate to stage its successor.",
    KeyState.RETIRED: "Verifies what it signed. Nothing to do.",
    KeyState.REVOKED: "Trusted no more.",
}


def _product_field() -> Any:
    return forms.ModelChoiceField(
        Product.objects.order_by("name"), required=False, empty_label="Every product without its own",
        widget=UnfoldAdminSelectWidget(), label="Product",
    )  # fmt: skip


class GenerateForm(ServiceForm):
    algorithm = select("Algorithm", choices(Algorithm))
    product = _product_field()

    def clean_algorithm(self) -> Algorithm:
        return Algorithm(self.cleaned_data["algorithm"])


class _Forgetful(UnfoldAdminTextareaWidget):  # type: ignore[misc] # unfold ships no types
    """A text that is never sent back to the browser."""

    def get_context(self, name: str, value: Any, attrs: Any) -> Any:
        return super().get_context(name, None, attrs)


class ImportForm(ServiceForm):
    """An existing private key (E6)."""

    pem = forms.CharField(
        label="Private key (PEM)", max_length=50_000, strip=False,
        widget=_Forgetful(attrs={"rows": 8, "spellcheck": "false", "autocomplete": "off"}),
        help_text="RSA of 3072 bits or more, or Ed25519.",
    )  # fmt: skip
    password = forms.CharField(
        label="Password of the PEM", required=False, strip=False, max_length=1000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip
    product = _product_field()

    def clean_password(self) -> bytes | None:
        return self.cleaned_data["password"].encode() or None


class ForceForm(ServiceForm):
    force = switch("Even so", "Go ahead although the check above would stop it.")


class RevokeKeyForm(ServiceForm):
    reason = note("Reason", max_length=500, required=True)
    reissue = switch("Re-issue all", "Sign every affected license anew with the key that is active then.")
    force = switch("I know that live licenses are refused online from now on")


@admin.register(SigningKey)
class SigningKeyAdmin(SecondFactorRequired, ReadOnlyAdmin):
    list_display = (
        "kid_shown",
        "algorithm",
        "used_for",
        "state_shown",
        "live_licenses",
        "since",
        "next_step",
    )
    list_display_links = ("kid_shown",)
    list_select_related = ("product",)
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("algorithm", ChoicesDropdownFilter),
        ("product", RelatedDropdownFilter),
    )
    search_fields = ("kid",)
    ordering = ("-id",)
    sortable_by = ()
    actions_list = ("rotate", "generate", "import_pem")
    actions_detail = ("activate", "retire", "revoke")
    fieldsets = (
        (None, {"fields": ("kid_shown", "algorithm", "used_for", "state_shown", "next_step", "affected", "jwks")}),
        ("Record", {"fields": ("origin", "staged", "activated", "retired", "revoked", "revoked_reason", "public")}),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[SigningKey]:
        keys: QuerySet[SigningKey] = super().get_queryset(request)
        return keys.defer("private_sealed")

    # --- what is shown ----------------------------------------------------------------------------

    @display(description="Key id")
    def kid_shown(self, key: SigningKey) -> SafeString:
        return show.mono(key.kid)

    @display(description="Signs for")
    def used_for(self, key: SigningKey) -> str:
        return key.product.name if key.product else "every product without its own"

    @display(description="State")
    def state_shown(self, key: SigningKey) -> SafeString:
        return show.badge(key.state)

    @display(description="Live licenses")
    def live_licenses(self, key: SigningKey) -> SafeString:
        counted, whole = self.request.live_by_key
        number = counted.get(key.pk, 0)
        url = f"{reverse('admin:licenses_license_changelist')}?signed_by={key.kid}"
        return format_html(
            '<a href="{}" class="text-link">{}{}</a>', url, f"{number:,}", "" if whole else "+"
        )

    @display(description="Since")
    def since(self, key: SigningKey) -> SafeString | str:
        return show.day(key.revoked_at or key.retired_at or key.activated_at or key.staged_at)

    @display(description="Next step")
    def next_step(self, key: SigningKey) -> str:
        return NEXT[KeyState(key.state)]

    @display(description="Live licenses")
    def affected(self, key: SigningKey) -> SafeString:
        return _affected(key)

    @display(description="Public keys")
    def jwks(self, key: SigningKey) -> SafeString:
        return format_html('<a href="{0}" class="text-link">{0}</a>', JWKS)

    @display(description="Staged")
    def staged(self, key: SigningKey) -> str:
        return show.instant(key.staged_at)

    @display(description="Activated")
    def activated(self, key: SigningKey) -> str:
        return show.instant(key.activated_at)

    @display(description="Retired")
    def retired(self, key: SigningKey) -> str:
        return show.instant(key.retired_at)

    @display(description="Revoked")
    def revoked(self, key: SigningKey) -> str:
        return show.instant(key.revoked_at)

    @display(description="Public key")
    def public(self, key: SigningKey) -> SafeString:
        return show.pre(key.public_pem)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        vars(request)["live_by_key"] = live_by_key()
        return super().changelist_view(request, extra_context)

    # --- who may ----------------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("licenses.view_signingkey") or request.user.has_perm(ROTATE)

    def has_rotate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(ROTATE)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        state = self._key(object_id).state
        fits = {
            "activate": state == KeyState.STAGED,
            "retire": state in (KeyState.STAGED, KeyState.ACTIVE),
            "revoke": state != KeyState.REVOKED,
        }
        found: list[Any] = super().get_actions_detail(request, object_id)
        return [item for item in found if fits[item.path]]

    # --- the steps --------------------------------------------------------------------------------

    @in_dialog
    @action(description="Rotate", icon="autorenew", url_path="rotate", permissions=["rotate"])  # type: ignore[untyped-decorator] # unfold ships no types
    def rotate(self, request: HttpRequest) -> HttpResponse:
        says = (
            "The first step stages a successor: it is published and does not sign yet.",
            "The second step, once it has been published for long enough, lets it sign.",
            "The key that signed in its place until then is retired and goes on verifying.",
            "The first key of a product's own waits as well: until then the shared key signs for the product.",
        )
        form = GenerateForm(posted(request))
        return self._step(
            request, form, key_rotate, submit="Rotate", says=says, said="Key {0.kid} is {0.state}."
        )

    @in_dialog
    @action(description="Generate", icon="add", url_path="generate", permissions=["rotate"])  # type: ignore[untyped-decorator] # unfold ships no types
    def generate(self, request: HttpRequest) -> HttpResponse:
        says = ("A new key pair is made here and staged: published in the key set, not signing yet.",)
        form = GenerateForm(posted(request))
        return self._step(
            request,
            form,
            key_generate,
            submit="Generate key",
            says=says,
            said="Key {0.kid} was made and is staged.",
        )

    @in_dialog
    @action(description="Import PEM", icon="upload", url_path="import", permissions=["rotate"])  # type: ignore[untyped-decorator] # unfold ships no types
    def import_pem(self, request: HttpRequest) -> HttpResponse:
        says = ("The private key is encrypted at once and never shown again. It is staged, not signing yet.",)
        form = ImportForm(posted(request))
        return self._step(
            request,
            form,
            key_import,
            submit="Import key",
            says=says,
            said="Key {0.kid} was imported and is staged.",
        )

    @in_dialog
    @action(
        description="Activate",
        icon="play_circle",
        url_path="activate",
        permissions=["rotate"],
        variant=ActionVariant.PRIMARY,
    )  # type: ignore[untyped-decorator] # unfold ships no types
    def activate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        says = (
            "It signs every new key of its place from now on; the key that did is retired and goes on verifying.",
            "Deployments that have not fetched it yet refuse what it signs.",
            "It is checked that it has been published for long enough.",
        )
        key, form = self._key(object_id), ForceForm(posted(request))
        said = "Key {0.kid} signs from now on."
        return self._step(
            request,
            form,
            partial(key_activate, key=key),
            submit="Activate key",
            says=says,
            said=said,
            key=key,
        )

    @in_dialog
    @action(
        description="Retire",
        icon="bedtime",
        url_path="retire",
        permissions=["rotate"],
    )  # type: ignore[untyped-decorator] # unfold ships no types
    def retire(self, request: HttpRequest, object_id: str) -> HttpResponse:
        says = (
            "It signs no more and goes on verifying what it signed.",
            "An active key leaves its place empty: nothing can be signed there until another key is active.",
            "It is checked that no live license depends on it.",
        )
        key, form = self._key(object_id), ForceForm(posted(request))
        said = "Key {0.kid} is retired."
        return self._step(
            request, form, partial(key_retire, key=key), submit="Retire key", says=says, said=said, key=key
        )

    @in_dialog
    @action(
        description="Revoke",
        icon="block",
        url_path="revoke",
        permissions=["rotate"],
        variant=ActionVariant.DANGER,
    )  # type: ignore[untyped-decorator] # unfold ships no types
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key, form = self._key(object_id), RevokeKeyForm(posted(request))
        says = (
            "This is final. The key leaves the published set, and online validation refuses whatever it signed.",
            "Offline, deployments that still hold the key go on accepting what it signed.",
            format_html("Live licenses that it signed: {}", _affected(key)),
        )
        said = "Key {0.kid} is revoked."
        return self._step(
            request,
            form,
            partial(key_revoke, key=key),
            submit="Revoke key",
            says=says,
            said=said,
            key=key,
            danger=True,
        )

    def _key(self, object_id: Any) -> SigningKey:
        rows = SigningKey.objects.select_related("product").defer("private_sealed")
        key = rows.filter(pk=object_id).first() if str(object_id).isdecimal() else None
        if key is None:
            raise Http404
        return key

    def _step(
        self, request: HttpRequest, form: ServiceForm, service: Callable[..., SigningKey], *, submit: str,
        says: tuple[str, ...], said: str, key: SigningKey | None = None, danger: bool = False,
    ) -> HttpResponse:  # fmt: skip
        """Call the service with what the form holds and say what became of the key, or show the form."""
        if not self.has_rotate_permission(request):
            raise PermissionDenied
        by = {"actor": actors.user(request.user), "at": now()}
        changed = form.submit(request, lambda data: service(**data, **by))
        if changed is not None:
            messages.success(request, said.format(changed))
            return done(changed)
        back = show.page_of(key) if key else reverse("admin:licenses_signingkey_changelist")
        title = f"{submit} {key.kid}" if key else submit
        return form_page(
            request, form, title=title, submit=submit, consequences=says, back=back, opts=self.model._meta,
            danger=danger,
        )  # fmt: skip


def live_by_key() -> tuple[Counter[int], bool]:
    """Active licenses by the key that signed their newest snapshot, and whether all were counted.

    One query over the newest `COUNT_LIMIT` active licenses, however many keys and licenses there are.
    """
    newest = Issuance.objects.filter(license=OuterRef("pk")).order_by("-id").values("signing_key")[:1]
    rows = License.objects.filter(status=LicenseStatus.ACTIVE).order_by("-id")
    keys = list(rows.annotate(key=Subquery(newest)).values_list("key", flat=True)[: COUNT_LIMIT + 1])
    return Counter(key for key in keys if key is not None), len(keys) <= COUNT_LIMIT


def _affected(key: SigningKey) -> SafeString:
    """The live licenses of a key: how many, and the first of them by name."""
    rows = live_licenses_of_key(key).select_related("account", "product").order_by("-id")
    number = rows[: COUNT_LIMIT + 1].count()
    if not number:
        return format_html("{}", "none")
    url = f"{reverse('admin:licenses_license_changelist')}?signed_by={key.kid}"
    named = format_html_join(
        "", "<li>{}, {}</li>", ((show.link(row, f"{row.account.name}: {row.product.name}"), row.public_id)
                                for row in rows[:AFFECTED])
    )  # fmt: skip
    counted = f"{number:,}" if number <= COUNT_LIMIT else f"more than {COUNT_LIMIT:,}"
    return format_html(
        '<a href="{}" class="text-link">{}</a><ul class="sg-list">{}</ul>', url, counted, named
    )
