"""License of this installation: tier, entitlements, caps with their use, guard; a key taken into use (C8, C18)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts.models import Account
from accounts.second_factor import required
from config.kit import actors
from config.kit.admin import tell
from config.kit.clock import now
from config.kit.display import instant, label
from config.kit.errors import Refusal
from licenses.admin.forms import KeyField, ServiceForm, posted
from licenses.domain.own_license import Answer, GuardState
from licenses.domain.tier_caps import CapUse
from licenses.models import Product, SelfLicense
from licenses.own_status import OwnStatus, own_status
from licenses.services.own_master import OURSELVES, master_prepare
from licenses.services.selflicense import selflicense_activate, selflicense_refresh, selflicense_remove

MAY = "licenses.activate_selflicense"
URL_NAME = "own_license"
WHOLE = 100
TONES = {
    GuardState.UNLICENSED: "info",
    GuardState.VALID: "success",
    GuardState.GRACE: "warning",
    GuardState.INVALID: "danger",
}
OUTCOMES = {
    Answer.LIVE: "The master answered: what is granted is what its license says now.",
    Answer.UNVERIFIED: "The key does not verify, so nothing is granted.",
    Answer.EXPIRED: "The key has expired.",
    Answer.REVOKED: "The master revoked the license, so nothing is granted.",
    Answer.SUSPENDED: "The master suspended the license, so nothing is granted.",
    Answer.ENDED: "The master says that the license cannot be used, so nothing is granted.",
    Answer.UNKNOWN: "No master knows the license: what the key carries is granted.",
    Answer.NO_MASTER: "No master is set: what was known last still counts, else what the key carries.",
    Answer.SOURCE_GONE: "The key cannot be read any more: what was known last still counts.",
    Answer.UNREACHABLE: "The master did not answer: what was known last still counts.",
}


class ActivateForm(ServiceForm):
    """The text of a license."""

    WIDE = ("key",)

    key = KeyField(rows=5, help_text="As it was sent: a token, or the whole text of a .lic file.")


@dataclass(frozen=True, slots=True)
class Bar:
    """A cap with its use as the page draws it. `percent` is at most 100; None where there is no limit."""

    name: str
    words: str
    percent: int | None
    tone: str
    note: str


def urls(site: Any) -> list[URLPattern]:
    return [
        path("own-license/", site.admin_view(own_license_page), name=URL_NAME),
        path(
            "own-license/<slug:verb>/", site.admin_view(require_POST(own_license_do)), name="own_license_do"
        ),
    ]


def may_look(request: HttpRequest) -> bool:
    return request.user.has_perm(MAY)


def _guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For superadmins, with their second factor as before signing keys."""

    def demanding(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not may_look(request):
            raise PermissionDenied
        return required(request) or view(request, *args, **kwargs)

    return demanding


@never_cache
@sensitive_post_parameters("key")
@_guarded
def own_license_page(request: HttpRequest) -> HttpResponse:
    """The page, and the key that is posted to it."""
    form = ActivateForm(posted(request))
    by: dict[str, Any] = {"actor": actors.user(request.user), "at": now()}
    done = form.submit(request, lambda data: selflicense_activate(text=data["key"], **by))
    if done is not None:
        tier = own_status(now()).tier.capitalize()
        messages.success(request, f"The key was activated. The tier is {tier} from now on.")
        return HttpResponseRedirect(reverse(f"admin:{URL_NAME}"))
    found = own_status(now())
    context = {
        **admin.site.each_context(request),
        "title": "License of this installation",
        "found": found,
        "guard": label(found.standing.guard, TONES[found.standing.guard]),
        "bars": [_bar(use) for use in found.uses],
        "facts": list(_facts(found)),
        "outcome": OUTCOMES.get(Answer(found.row.outcome), "") if found.row.outcome else "",
        "form": form,
        "upgrade": found.upgrade_url if settings.SELF_LICENSE_MASTER_URL else None,
        **(_own_master() if found.own_master else {}),
    }
    return TemplateResponse(request, "admin/signet/own_license.html", context)


@never_cache
@_guarded
def own_license_do(request: HttpRequest, verb: str) -> HttpResponse:
    """Ask the master now (`refresh`), make this installation one (`prepare`), go on without a license (`remove`)."""
    by: dict[str, Any] = {"actor": actors.user(request.user), "at": now()}
    try:
        match verb:
            case "refresh":
                row = selflicense_refresh(**by)
                messages.info(
                    request, OUTCOMES.get(Answer(row.outcome), "") if row.outcome else "There is no key."
                )
            case "prepare":
                made = master_prepare(**by)
                messages.success(
                    request, f"{made.product.name} has its plans: issue a license of one of them."
                )
            case "remove":
                selflicense_remove(**by)
                messages.success(request, "The key was removed. Everything made stays usable.")
            case _:
                raise Http404
    except Refusal as refusal:
        tell(request, refusal)
    return HttpResponseRedirect(reverse(f"admin:{URL_NAME}"))


def _own_master() -> dict[str, Any]:
    """The product by which this installation licenses itself, and the form that issues a license of it."""
    product = Product.objects.filter(audience=settings.SELF_LICENSE_PRODUCT).first()
    account = Account.objects.filter(slug=OURSELVES).first()
    if product is None or account is None:
        return {"product": None, "issue_url": ""}
    return {"product": product, "issue_url": f"{reverse('admin:licenses_license_add')}?account={account.pk}"}


def _bar(use: CapUse) -> Bar:
    name = use.rule.title
    if use.most is None:
        return Bar(name, f"{use.used:,}, no limit", None, "", "")
    tone = "danger" if use.grandfathered else "warning" if use.most and use.used + 1 >= use.most else ""
    note = "Grandfathered: all stay usable, no more can be made." if use.grandfathered else ""
    percent = min(WHOLE, WHOLE * use.used // use.most) if use.most else None
    words = f"{use.used:,} of {use.most:,}" if use.most else f"{use.used:,}, not included"
    return Bar(name, words, percent, tone, note)


def _facts(found: OwnStatus) -> Any:
    row = found.row
    if not row.key_sha256:
        return
    yield "License", row.public_id or "unknown"
    yield "Plan", row.plan_code or "none"
    yield "Issued by", "this installation, its own master" if found.own_master else "its master"
    yield "Key from", SelfLicense.KeptFrom(row.kept_from).label.lower()
    yield "Activated", instant(row.activated_at)
    yield "Ends", instant(row.expires_at, none="never")
    yield "Last refresh", instant(row.refreshed_at, none="not yet")
    if found.standing.seats is not None:
        yield "Seats for active offers", f"{found.standing.seats:,}"
