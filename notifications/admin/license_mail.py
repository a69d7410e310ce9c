"""What mail adds to the page of a license: the tab "Mail" and the dialog "E-mail to customer"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.widgets import UnfoldAdminEmailInputWidget

from config.kit.display import instant
from config.kit.errors import Refusal
from config.kit.forms import ServiceForm, note, posted
from licenses.admin.parts import Asked, Dialog, Tab, dialog_register, tab_register, tab_url
from licenses.domain.enums import LicenseStatus
from licenses.models import License
from notifications.admin.message_display import message_table
from notifications.models import Stream
from notifications.selectors.suppressions import suppression_of
from notifications.services.license_mail import (
    LONGEST_NOTE,
    LicenseMail,
    license_issuance_to_send,
    license_send,
)

SLUG = "mail"
SHOWN = 50
VIEW = "notifications.view_message"
SEND = ("notifications.resend_message", "licenses.see_key_text")


def content(_request: HttpRequest, row: License) -> Mapping[str, Any]:
    """What was mailed about the license, newest first."""
    found = list(row.messages.defer("parts").order_by("-id")[: SHOWN + 1])
    return {
        "mail": message_table(found[:SHOWN]),
        "more": len(found) > SHOWN,
        "log_url": f"{reverse('admin:notifications_message_changelist')}?license={row.public_id}",
    }


class SendForm(ServiceForm):
    ALIASES = {"message": "words"}
    WIDE = ("to", "words")

    to = forms.EmailField(
        label="To", max_length=254, widget=UnfoldAdminEmailInputWidget(),
        help_text="One address. Whoever receives the key can use the license.",
    )  # fmt: skip
    words = note(
        "A word of your own",
        max_length=LONGEST_NOTE,
        help_text="Optional. It stands above the license, as you write it.",
    )


def _may_send(request: HttpRequest, _row: License | None) -> bool:
    """Whoever can mail a key anywhere can read it, so seeing keys is asked for as well."""
    return all(request.user.has_perm(name) for name in SEND)


def _form(asked: Asked) -> SendForm:
    return SendForm(posted(asked.request), initial={"to": asked.row.account.email})


def _says(asked: Asked) -> list[str]:
    try:
        issuance = license_issuance_to_send(license=asked.row)
    except Refusal as refusal:
        return [f"It cannot be mailed now. {refusal.detail}"]
    ends = f"good until {instant(issuance.expires_at)}" if issuance.expires_at else "without an end"
    says = [
        f"The newest kept key goes out: {issuance.get_format_display()}, signed {instant(issuance.issued_at)}, {ends}.",
        "It stands in the mail and is attached as a .lic file. That you sent it is written into the history.",
        "The same key with the same words goes to an address once.",
    ]
    says[:0] = _held_back(asked)
    if asked.row.expires_at and asked.row.expires_at <= asked.at:
        says.insert(0, f"The license has ended on {instant(asked.row.expires_at)}.")
    return says


def _held_back(asked: Asked) -> list[str]:
    """The customer's address, and the one that was just typed, as far as they are not written to."""
    typed = asked.request.POST.get("to", "").strip()
    addresses = {asked.row.account.email, typed if typed.isprintable() else ""} - {""}
    stops = ((address, suppression_of(address, Stream.TRANSACTIONAL)) for address in sorted(addresses))
    return [
        f"{address} is not written to ({stop.get_reason_display()}): mail to it is held back. "
        "Lift the suppression first, or give another address."
        for address, stop in stops
        if stop is not None
    ]


def _send(asked: Asked, form: SendForm) -> LicenseMail:
    data = form.cleaned_data
    return license_send(
        license=asked.row, to=data["to"], message=data["words"], actor=asked.actor, at=asked.at
    )


def _sent(asked: Asked, sent: LicenseMail) -> HttpResponse:
    stopped = suppression_of(sent.message.recipient, Stream.TRANSACTIONAL)
    if sent.is_new and stopped is not None:
        messages.warning(
            asked.request,
            f"It is held back: {sent.message.recipient} is not written to ({stopped.get_reason_display()}).",
        )
    elif sent.is_new:
        messages.success(asked.request, f"The license is on its way to {sent.message.recipient}.")
    else:
        messages.info(
            asked.request,
            f"Nothing was sent: the same key with the same words was mailed to {sent.message.recipient} on "
            f"{instant(sent.message.created_at)}. Its page has “Send again”.",
        )
    return HttpResponseRedirect(tab_url(asked.row, SLUG))


tab_register(
    Tab(
        slug=SLUG, title="Mail", order=50, template="admin/signet/license_mail.html", content=content,
        allowed=lambda request: request.user.has_perm(VIEW),
    )
)  # fmt: skip
dialog_register(
    Dialog(
        slug="send",
        title="E-mail to customer",
        icon="outgoing_mail",
        order=35,
        front=True,
        allowed=_may_send,
        form=_form,
        says=_says,
        act=_send,
        done=_sent,
        fits=lambda row: row.status == LicenseStatus.ACTIVE and not row.is_legacy,
        submit="Send",
    )
)
