"""The quick test key (D8) and the preset buttons (D9): a bench to make one after the other."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from unfold.decorators import action

from config.kit import actors
from config.kit.clock import now
from config.kit.ids import parse_license_id
from licenses.admin.account_field import may_open_accounts, remember, remembered
from licenses.admin.forms import posted
from licenses.admin.generate import kinds_allowed
from licenses.admin.generate_forms import TestKeyForm, open_plans
from licenses.admin.issuances import is_kept
from licenses.admin.key_sight import may_see_keys
from licenses.admin.license_actions import may_create
from licenses.admin.pages import SHOW_ONCE, form_page, issued_page, shows_now
from licenses.admin.people import staff
from licenses.admin.preset_terms import terms_in_words
from licenses.domain.enums import Kind
from licenses.models import License, Preset
from licenses.selectors import latest_issuance
from licenses.services.granting import TEST_TERMS, quick_grant, quick_products
from licenses.services.issuing import Granted

NAME = "admin:licenses_license_test_key"


class TestKeys:
    """Mixed into the admin of licenses: one page, from which one press makes a test key."""

    __test__ = False  # to pytest: not a test
    model: Any

    def get_urls(self) -> list[URLPattern]:
        view = admin.site.admin_view(self.test_key_view)
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc] # mixed into a ModelAdmin
        return [path("test-key/", view, name="licenses_license_test_key"), *urls]

    @action(description="New test key", icon="bolt", url_path="quick", permissions=["quick"])  # type: ignore[untyped-decorator] # unfold ships no types
    def quick(self, request: HttpRequest) -> HttpResponse:
        return self.test_key_view(request)

    def has_quick_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may_create(request, Kind.TEST)

    def test_key_view(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm("licenses.create_test"):
            raise PermissionDenied
        may = kinds_allowed(request)
        shown = Preset.objects.filter(
            active=True, kind__in=may, plan__in=open_plans().order_by().values("pk")
        )
        presets = list(shown.select_related("plan__product"))
        products = list(quick_products())
        form = TestKeyForm(
            posted(request), products=products, may_open=may_open_accounts(request), initial=_initial(request)
        )
        wanted = _wanted(request, presets)
        if wanted is not None and wanted.kind != Kind.TEST:
            return _fill_in(wanted, form)
        granted = form.submit(request, lambda data: _grant(request, form, data, wanted))
        if granted is not None:
            return _made(request, granted)
        return form_page(
            request, form, title="New test key", submit="Make test key", opts=self.model._meta,
            template="admin/signet/test_key.html", default=terms_in_words(TEST_TERMS), products=products,
            presets=[(preset, terms_in_words(preset.defaults)) for preset in presets],
            may_edit=request.user.has_perm("licenses.change_preset"),
            may_add_plan=request.user.has_perm("licenses.add_plan"),
            back=reverse("admin:licenses_license_changelist"), **_newest(request),
        )  # fmt: skip


def _initial(request: HttpRequest) -> dict[str, Any]:
    """The account that the address names, or else the last one."""
    named = request.GET.get("account", "")
    last = next(iter(remembered(request)), None)
    return {"account": named if named.isdecimal() else last.pk if last else ""}


def _wanted(request: HttpRequest, presets: list[Preset]) -> Preset | None:
    """The preset whose button was pressed."""
    chosen = request.POST.get("preset", "")
    return next((preset for preset in presets if str(preset.pk) == chosen), None)


def _fill_in(preset: Preset, form: TestKeyForm) -> HttpResponse:
    """A preset that is not for tests fills the form, with the account if there is one, and leaves the decision."""
    account = form.cleaned_data.get("account") if form.is_valid() else None
    query = urlencode({"preset": preset.pk, **({"account": account.pk} if account else {})})
    return HttpResponseRedirect(f"{reverse('admin:licenses_license_add')}?{query}")


def _grant(request: HttpRequest, form: TestKeyForm, data: dict[str, Any], preset: Preset | None) -> Granted:
    creator = staff(request)
    return quick_grant(
        account=form.for_whom(), product=data["product"], preset=preset, actor=actors.user(creator),
        creator=creator, at=now(),
    )  # fmt: skip


def _made(request: HttpRequest, granted: Granted) -> HttpResponse:
    """Back to the bench with the key at hand; a key that is not kept is shown at once, and once."""
    row, issuance = granted.license, granted.issued.issuance
    remember(request, row.account)
    if issuance.artifact is None:
        messages.success(request, f"Test key {row.public_id} for {row.account.name} is ready.")
        return issued_page(request, granted.issued)
    if may_see_keys(request, [row.kind]):
        request.session[SHOW_ONCE] = issuance.pk
    return HttpResponseRedirect(f"{reverse(NAME)}?{urlencode({'made': row.public_id})}")


def _newest(request: HttpRequest) -> dict[str, Any]:
    """The key that was made last, as the address names it."""
    uid = parse_license_id(request.GET.get("made", ""))
    row = License.objects.with_relations().filter(uid=uid, kind=Kind.TEST).first() if uid else None
    issuance = latest_issuance(row) if row else None
    if issuance is None or request.method == "POST":
        return {}
    return {
        "made": row,
        "newest": issuance,
        "kept": is_kept(issuance),
        "may_see_key": may_see_keys(request, [Kind.TEST]),
        "key_now": shows_now(request, issuance),
    }
