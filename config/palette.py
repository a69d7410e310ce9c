"""The command palette: every page and action that a member of staff may open, and whatever they look for.

Asked by POST, because what people paste there may be a whole key, which has no business in an address.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, JsonResponse
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_POST

from accounts.models import Account, SavedView
from accounts.searching import accounts_like
from config.kit.display import page_of
from config.kit.keyset import newest
from config.kit.navigation import groups as menu_groups
from config.navigation import MENU
from licenses.admin.list_presets import LIST_PRESETS, preset_url
from licenses.models import License
from licenses.searching import licenses_search

SHORTEST, LONGEST = 2, 100_000
FOUND = 6
VIEWS = 50
# What making one is called, where "New" and the model's name will not do. These come first, in this order.
CREATES = {
    "licenses.license": ("Issue license", "draw"),
    "accounts.account": ("New account", "domain_add"),
    "notifications.webhookendpoint": ("New webhook", "webhook"),
    "accounts.user": ("Invite user", "person_add"),
}
ACCOUNTS = ("accounts.view_account", "accounts.manage_account")


@dataclass(frozen=True, slots=True)
class Command:
    """A line of the palette: where it leads, and a note beside it that tells likes apart."""

    title: str
    url: str
    icon: str
    note: str = ""


Group = tuple[str, list[Command]]


@require_POST
def palette(request: HttpRequest) -> JsonResponse:
    """Without `q` all commands, which the browser searches by itself; with it the licenses and accounts."""
    term = request.POST.get("q", "").strip()[:LONGEST]
    groups = _found(request, term) if term else _commands(request)
    shown = [{"title": title, "items": [asdict(each) for each in items]} for title, items in groups if items]
    return JsonResponse({"groups": shown}, headers={"Cache-Control": "no-store"})


# --- pages and actions --------------------------------------------------------------------------------


def _commands(request: HttpRequest) -> Iterator[Group]:
    creates = list(_creates(request))
    yield "Create", creates
    yield "Go to", list(_pages(request, {command.url for command in creates}))
    yield "Lists", list(_lists(request))


def _creates(request: HttpRequest) -> Iterator[Command]:
    """What an admin of the site lets this member of staff add; a new one is here without being named."""
    if request.user.has_perm("licenses.create_test"):
        yield Command("New test key", reverse("admin:licenses_license_test_key"), "bolt")
    order = {label: place for place, label in enumerate(CREATES)}
    models = sorted(_admins().items(), key=lambda each: order.get(each[0]._meta.label_lower, len(order)))
    for model, model_admin in models:
        if model_admin.has_add_permission(request):
            options = model._meta
            title, icon = CREATES.get(options.label_lower, (f"New {options.verbose_name}", "add"))
            url = _address(f"admin:{options.app_label}_{options.model_name}_add")
            if url:
                yield Command(title, url, icon)


def _pages(request: HttpRequest, known: set[str]) -> Iterator[Command]:
    yield Command("Dashboard", reverse("admin:index"), "home")
    for group, entries in menu_groups(MENU, request):
        for entry in entries:
            url = reverse(entry.url)
            if url not in known and entry.allowed(request):
                known.add(url)  # a section may name a page that another group has
                yield Command(entry.title, url, entry.icon, group)


def _lists(request: HttpRequest) -> Iterator[Command]:
    """The ready-made lists of licenses, and the saved views of any list that may be opened."""
    if request.user.has_perm("licenses.view_license"):
        for preset in LIST_PRESETS:
            yield Command(preset.title, preset_url(preset.slug), preset.icon, "Licenses")
    views = SavedView.objects.filter(Q(owner=request.user.pk) | Q(shared=True)).select_related("owner")
    pages = {model._meta.label_lower: (model, model_admin) for model, model_admin in _admins().items()}
    for view in views[:VIEWS]:
        model, model_admin = pages.get(view.page, (None, None))
        if model is not None and model_admin is not None and model_admin.has_view_permission(request):
            options = model._meta
            url = _address(f"admin:{options.app_label}_{options.model_name}_changelist")
            note = "View" if view.owner_id == request.user.pk else f"View of {view.owner}"
            yield Command(view.name, f"{url}?{view.query}", "bookmark", note)


def _admins() -> dict[type[Model], Any]:
    return dict(admin.site._registry)  # noqa: SLF001 - Django has no other name for all of them


def _address(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


# --- licenses and accounts ----------------------------------------------------------------------------


def _found(request: HttpRequest, term: str) -> Iterator[Group]:
    if len(term) < SHORTEST:
        return
    if request.user.has_perm("licenses.view_license"):
        yield "Licenses", list(_licenses(term))
    if any(request.user.has_perm(name) for name in ACCOUNTS):
        yield "Accounts", list(_accounts(term))


def _licenses(term: str) -> Iterator[Command]:
    every: Any = License.objects
    keys = newest(licenses_search(every.all(), term).rows, FOUND)
    for row in _read(every.with_relations(), keys):
        note = f"…{row.public_id[-8:]} · {row.product.name} {row.plan.name}, {row.kind}, {row.status}"
        yield Command(row.account.name, page_of(row), "license", note)


def _accounts(term: str) -> Iterator[Command]:
    text = term.partition(":")[2] if term.startswith("account:") else term
    for row in _read(Account.objects.all(), newest(accounts_like(text), FOUND)):
        yield Command(row.name, page_of(row), "domain", row.slug)


def _read(rows: QuerySet[Any], keys: list[int]) -> list[Any]:
    """The rows of these keys, in their order: the search for them needs none of their other columns."""
    found = rows.in_bulk(keys) if keys else {}
    return [found[key] for key in keys if key in found]
