"""Inspect a key: paste any text, see what it says and whether it holds. Writes nothing, keeps nothing."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from config.kit.clock import now
from licenses.admin.display import page_of
from licenses.admin.forms import KeyField, ServiceForm, posted, text
from licenses.admin.pages import form_page
from licenses.domain.verdict import Verdict
from licenses.domain.verification import Verification
from licenses.inspecting import Inspection, key_inspect
from licenses.models import License

URL_NAME = "licenses_license_inspect"
FORMATS = {
    "jwt": "a license token (JWT)",
    "lic1": "a LIC1 key",
    "envelope": "a license file",
    "legacy": "a key of an older tool",
    "unknown": "no key that is known here",
}


class InspectForm(ServiceForm):
    """Any text that may be a key."""

    WIDE = ("key_text",)
    SECTIONS = (("", ("key_text", "fingerprint")),)

    key_text = KeyField(rows=6, help_text="A token, a LIC1- key, or the whole text of a .lic file.")
    fingerprint = text("Fingerprint", max_length=500, help_text="Of the machine that would use it. Optional.")


@never_cache
@sensitive_post_parameters("key_text", "fingerprint")
def inspect_view(request: HttpRequest) -> HttpResponse:
    """The page; the key comes by POST, so that it stands in no address and no log."""
    if not request.user.has_perm("licenses.view_license"):
        raise PermissionDenied
    form = InspectForm(posted(request))
    found = form.submit(
        request,
        lambda data: key_inspect(text=data["key_text"], fingerprint=data["fingerprint"] or None, at=now()),
    )
    return form_page(
        request, form, title="Inspect a key", submit="Inspect", opts=License._meta,
        template="admin/signet/inspect.html", back=reverse("admin:licenses_license_changelist"),
        consequences=(
            "Paste what a customer sent: it is decoded and judged here. Nothing is kept, written or logged of it.",
        ),
        **(_context(found) if found else {}),
    )  # fmt: skip


def _context(found: Inspection) -> dict[str, Any]:
    return {
        "found": found,
        "what": FORMATS[found.peek.recognised.kind],
        "offline": _offline(found.offline),
        "online": _online(found.online),
        "license_url": page_of(found.license) if found.license else "",
    }


def _offline(found: Verification) -> dict[str, Any]:
    """What a deployment says that holds our public keys."""
    return {
        "ok": found.ok,
        "posture": found.posture.value,
        "failures": [f"{each.reason} ({each.stage}): {each.detail}" for each in found.failures],
        "until": found.grace_until or found.expires_at,
    }


def _online(found: Verdict) -> dict[str, Any]:
    """What online validation says, with the license as it is now."""
    return {
        "ok": found.ok,
        "posture": found.posture.value,
        "failures": [f"{each.code}: {each.detail}" for each in found.failures],
        "warnings": [f"{each.code}: {each.detail}" for each in found.warnings],
        "changes_at": found.changes_at,
    }
