"""The page of one message: what became of it, what it says, and what the provider reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from config.kit.display import instant, link, page_of
from licenses.admin.display import short_id
from licenses.admin.people import names_of
from notifications.admin.mail_view import LOOKS, mail_page
from notifications.admin.message_display import meaning, message_table, state_label, template_title
from notifications.mail_templates import TEMPLATES
from notifications.masking import masked
from notifications.models import Message
from notifications.parts import Attachment, Parts, parts_unseal
from notifications.rendering import Rendered
from notifications.selectors.suppressions import suppression_of

TEMPLATE = "admin/signet/message.html"
ON_ITS_WAY = (Message.State.QUEUED, Message.State.CLAIMED)


@dataclass(frozen=True, slots=True)
class Shown(Rendered):
    """A message's parts as staff see them."""

    headers: tuple[tuple[str, str], ...]
    files: tuple[Attachment, ...]
    hides: bool
    erased: bool


def may_see_secret(request: HttpRequest, row: Message) -> bool:
    """Who may see keys may see those in mail; what lets somebody in is for superadmins alone."""
    if row.template in TEMPLATES and TEMPLATES[row.template].private:
        return bool(request.user.is_active and request.user.is_superuser)
    return request.user.has_perm("licenses.see_key_text")


def message_rendered(row: Message, revealed: Parts | None = None) -> Shown:
    """The parts, keys masked unless they are revealed. Raises SealingKeyMissing."""
    parts = revealed or parts_unseal(bytes(row.parts))
    secrets = () if revealed else parts.secrets
    text, html = (
        (parts.text, parts.html) if revealed else (masked(parts.text, secrets), masked(parts.html, secrets))
    )
    return Shown(
        subject=row.subject,
        text=text,
        html=html,
        headers=(
            ("From", row.sender or settings.DEFAULT_FROM_EMAIL),
            ("To", row.recipient),
            *((("Reply-To", parts.reply_to),) if parts.reply_to else ()),
            *parts.headers.items(),
        ),
        files=parts.attachments,
        hides=text != parts.text,
        erased=parts.erased,
    )


def message_page(
    request: HttpRequest, row: Message, *, may_resend: bool, revealed: Parts | None = None
) -> HttpResponse:
    """The page; `revealed` are parts with the key in them, which only the text shows then."""
    shown = message_rendered(row, revealed)
    stopped = suppression_of(row.recipient, row.stream)
    return mail_page(
        request,
        shown,
        title=row.subject,
        frame=reverse("admin:notifications_message_html", args=[row.pk]),
        back=reverse("admin:notifications_message_changelist"),
        opts=row._meta,
        template=TEMPLATE,
        **(_only_text(row) if revealed else {}),
        original=row,
        row=row,
        state=state_label(row),
        meaning=meaning(row),
        facts=_facts(row),
        shown=shown,
        revealed=revealed is not None,
        may_see_key=may_see_secret(request, row),
        stopped=stopped,
        can_resend=may_resend and row.state not in ON_ITS_WAY and not shown.erased,
        can_hurry=may_resend and row.state == Message.State.QUEUED and row.attempts > 0,
        can_lift=may_resend and stopped is not None,
        events=_events(row),
        repetitions=message_table(row.resendings.order_by("-id")[:20], recipient=False),
    )


def _only_text(row: Message) -> dict[str, Any]:
    """The frame of the HTML part has no key in it; the other looks are the page's own again."""
    looks = [
        {"label": name, "url": f"{page_of(row)}?as={look}", "active": look == "text"}
        for look, name in LOOKS.items()
    ]
    return {"look": "text", "looks": looks}


def _facts(row: Message) -> list[tuple[str, Any]]:
    by = names_of([row.created_by])[row.created_by]
    facts: list[tuple[str, Any]] = [
        ("To", row.recipient),
        ("Template", f"{template_title(row.template)} ({row.get_stream_display()})"),
        ("Written", f"{instant(row.created_at)} by {by}"),
        ("Attempts", row.attempts),
    ]
    if row.sent_at:
        facts.append(("Sent", f"{instant(row.sent_at)} by {row.provider}"))
    if row.provider_id:
        facts.append(("Id at the provider", row.provider_id))
    if row.account:
        facts.append(("Account", link(row.account)))
    if row.license:
        facts.append(("License", link(row.license, short_id(row.license.public_id))))
    if row.resent_from:
        facts.append(("Repeats", link(row.resent_from, f"the mail of {instant(row.resent_from.created_at)}")))
    return facts


def _events(row: Message) -> dict[str, Any]:
    rows = [[instant(event.at), event.kind, event.detail or "-"] for event in row.events.order_by("at", "id")]
    return {"headers": ["When", "Report", "What the provider says"], "rows": rows}
