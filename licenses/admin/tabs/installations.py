"""Where a license runs, what is used of it, and who holds a place under its hard limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from config.kit import actors
from config.kit.clock import now
from licenses.admin.display import instant
from licenses.admin.forms import ServiceForm, posted
from licenses.admin.pages import form_page
from licenses.admin.parts import Tab, View, tab_register, tab_url
from licenses.domain.node_caps import effective_cap
from licenses.models import Activation, Installation, License, NodeCapEpisode
from licenses.services.activations import activation_release, activations_of, places_like
from licenses.services.installations import installation_set_aside
from licenses.usage import Used, license_usage

SLUG = "installations"
SHOWN = 100
WHOLE = 100
SOUGHT = "place"
ASIDE = "licenses.change_installation"
RELEASE = "licenses.change_activation"


@dataclass(frozen=True, slots=True)
class Bar:
    """A limit with its use as the page draws it. `percent` is at most 100; None where there is no bar."""

    name: str
    words: str
    percent: int | None
    tone: str


@dataclass(frozen=True, slots=True)
class Shown:
    """An installation with what its node cap comes to."""

    row: Installation
    cap: int
    over: str


def content(request: HttpRequest, row: License) -> dict[str, Any]:
    """Use of the limits, the installations, and the places that are held."""
    at = now()
    usage = license_usage(row, at)
    wanted = request.GET.get(SOUGHT, "").strip()[:255]
    places = places_like(row.pk, wanted, at) if wanted else activations_of(row.pk, at)
    found = list(places[: SHOWN + 1])
    return {
        "usage": usage,
        "bars": [_bar(used) for used in usage.limits],
        "installations": _installations(row),
        "activations": found[:SHOWN],
        "more_places": len(found) > SHOWN,
        "wanted_place": wanted,
        "shown": SHOWN,
        "may_set_aside": request.user.has_perm(ASIDE),
        "may_release": request.user.has_perm(RELEASE),
    }


def _bar(used: Used) -> Bar:
    name = used.name.capitalize()
    if used.used is None:
        granted = f"{used.granted:,} granted" if used.granted else "unlimited"
        return Bar(name, f"{granted}; nothing reported yet", None, "")
    if not used.granted:
        return Bar(name, f"{used.used:,} used, unlimited", None, "")
    tone = "danger" if used.over else "warning" if used.full else ""
    words = f"{used.used:,} of {used.granted:,}{', over the limit' if used.over else ''}"
    return Bar(name, words, min(WHOLE, used.used * WHOLE // used.granted), tone)


def _installations(row: License) -> list[Shown]:
    episodes = Prefetch("episodes", NodeCapEpisode.objects.filter(ended_at=None), to_attr="over")
    rows = Installation.objects.filter(license=row).prefetch_related(episodes)
    return [
        Shown(each, effective_cap(row.nodes, each.operator_node_cap), _over(each))
        for each in rows.order_by("set_aside_at", "-last_seen_at")[:SHOWN]
    ]


def _over(row: Installation) -> str:
    episode = next(iter(vars(row)["over"]), None)
    return "" if episode is None else f"over its cap since {episode.started_at:%Y-%m-%d}, {episode.state}"


# --- what staff do ------------------------------------------------------------------------------------


def set_aside_view(request: HttpRequest, row: License, pk: int) -> HttpResponse:
    """Count an installation no more."""
    _demand(request, ASIDE)
    found = Installation.objects.filter(license=row, pk=pk).first()
    if found is None:
        raise Http404
    form = ServiceForm(posted(request))
    done = form.submit(
        request,
        lambda _data: installation_set_aside(installation=found, actor=actors.user(request.user), at=now()),
    )
    if done is not None:
        messages.success(
            request, f"Installation {found.install_id} is set aside. Its next heartbeat takes it back."
        )
        return HttpResponseRedirect(tab_url(row, SLUG))
    return _confirm(request, row, form, "Set aside", _aside_says(found))


def _aside_says(found: Installation) -> tuple[str, ...]:
    counted = "its seats and nodes leave the sums, and a spell over its node cap ends"
    return (
        f"Installation {found.install_id}, last seen {instant(found.last_seen_at)}, is no longer counted: {counted}.",
        "Nothing is sent to it, and nothing of its history is lost.",
        "If it is alive after all, its next heartbeat takes it back.",
    )


def release_view(request: HttpRequest, row: License, pk: int) -> HttpResponse:
    """Give back the place of a machine or collector (C24: an administrator can free a place)."""
    _demand(request, RELEASE)
    found = Activation.objects.filter(license=row, pk=pk).first()
    if found is None:
        raise Http404
    form = ServiceForm(posted(request))
    done = form.submit(
        request,
        lambda _data: activation_release(
            license_pk=row.pk, kind=found.kind, identifier=found.identifier, by_staff=True,
            actor=actors.user(request.user), at=now(),
        ),
    )  # fmt: skip
    if done is not None:
        messages.success(
            request, f"The place of {found.kind} {found.label or found.identifier[:12]} is free."
        )
        return HttpResponseRedirect(tab_url(row, SLUG))
    return _confirm(request, row, form, "Release", _release_says(found))


def _release_says(found: Activation) -> tuple[str, ...]:
    says = [
        f"The {found.kind} {found.label or found.identifier} gives its place back, and another may take it.",
        "It is refused at its next activation only if no place is left then.",
    ]
    if found.offline and found.lease_until:
        says.append(
            f"It is checked out offline: until {instant(found.lease_until)} it can go on with the file it holds."
        )
    return tuple(says)


def _demand(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _confirm(
    request: HttpRequest, row: License, form: ServiceForm, submit: str, says: tuple[str, ...]
) -> HttpResponse:
    return form_page(
        request, form, title=f"{submit}: {row.account.name}, {row.product.name} {row.plan.name}", submit=submit,
        consequences=says, back=tab_url(row, SLUG), opts=row._meta, original=row,
    )  # fmt: skip


tab_register(
    Tab(
        slug=SLUG, title="Installations", order=40, template="admin/signet/license_installations.html",
        content=content, allowed=lambda request: request.user.has_perm("licenses.view_installation"),
        views=(
            View("installations/<int:pk>/aside/", "installation_aside", set_aside_view),
            View("activations/<int:pk>/release/", "activation_release", release_view),
        ),
    )
)  # fmt: skip
