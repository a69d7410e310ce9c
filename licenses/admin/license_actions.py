"""The dialogs of a license's page. Each says what will happen, then calls one service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from config.kit.errors import Refusal
from licenses.admin.display import instant
from licenses.admin.facts import away
from licenses.admin.forms import ServiceForm, format_of, posted
from licenses.admin.key_sight import may_see_keys
from licenses.admin.license_forms import (
    ExtendForm,
    IssueForm,
    ReasonForm,
    ReissueForm,
    RemarkForm,
    RenewForm,
    RevokeForm,
    VerifyForm,
)
from licenses.admin.pages import done, issued_page
from licenses.admin.parts import Asked, Dialog, dialog, dialog_register, tab_url
from licenses.admin.people import staff
from licenses.domain.enums import Kind, LicenseStatus
from licenses.domain.verdict import Verdict
from licenses.models import Channel, Issuance, License
from licenses.selectors import latest_issuance, licenses_beside
from licenses.services.amending import amendments, license_amend
from licenses.services.artifacts import artifact_text
from licenses.services.issuing import license_issue
from licenses.services.lifecycle import license_reinstate, license_revoke, license_suspend
from licenses.services.renewing import Renewed, license_renew, license_renewal_end
from licenses.services.signing import Issued
from licenses.validation import Question, verdict_for

CREATE = {
    Kind.COMMERCIAL: "licenses.create_commercial",
    Kind.TRIAL: "licenses.create_commercial",
    Kind.TEST: "licenses.create_test",
}
OFFLINE = (
    "Keys that are out keep validating offline until they expire; "
    "online validation answers with the new state at once."
)
ALIGNED = 5


def may_create(request: HttpRequest, kind: Kind) -> bool:
    """May this member of staff make licenses of this kind (D15)?"""
    return request.user.has_perm(CREATE[kind])


class NothingIssued(Refusal):
    code = "nothing_issued"
    title = "No key of this license was signed yet. Paste one, or issue it first."


# --- who may, and when a button shows -----------------------------------------------------------------


def _may_issue(request: HttpRequest, row: License | None) -> bool:
    if row is None:
        return any(request.user.has_perm(name) for name in CREATE.values())
    return may_create(request, Kind(row.kind))


def _holds(permission: str) -> Callable[[HttpRequest, License | None], bool]:
    return lambda request, _row: request.user.has_perm(permission)


def _signable(row: License) -> bool:
    return row.status == LicenseStatus.ACTIVE and not row.is_legacy


def _renewable(row: License) -> bool:
    return _signable(row) and row.expires_at is not None


# --- afterwards ---------------------------------------------------------------------------------------


def _tell(asked: Asked, said: str, *links: SafeString) -> None:
    """Say what was done, and offer what comes next."""
    offered = format_html_join("", " {}", ((link,) for link in links if link))
    messages.success(asked.request, format_html("{}{}", said, offered))


def _offer(asked: Asked, slug: str, words: str) -> SafeString:
    """A link to another dialog of this license, where it exists and may be pressed."""
    found = dialog(slug)
    if found is None or not found.allowed(asked.request, asked.row):
        return SafeString()
    return _link(reverse(f"admin:{found.url_name}", args=[asked.row.pk]), words)


def _link(url: str, words: str) -> SafeString:
    return format_html('<a class="text-link" href="{}">{}</a>', url, words)


def _signed(asked: Asked, issued: Issued, said: str) -> HttpResponse:
    """A new key is there: what it changed, and who is to have it."""
    new = issued.issuance
    compare: SafeString = SafeString()
    if new.supersedes_id:
        url = f"{tab_url(asked.row, 'issuances')}&pick={new.supersedes_id}&pick={new.pk}"
        compare = _link(url, "What changed in the key")
    _tell(asked, said, compare, _offer(asked, "email", "E-mail it to the customer"))
    return issued_page(asked.request, issued)


# --- the end ------------------------------------------------------------------------------------------


def _renew_form(asked: Asked) -> RenewForm:
    others = list(licenses_beside(asked.row, asked.at)[:ALIGNED])
    return RenewForm(posted(asked.request), row=asked.row, at=asked.at, others=others)


def _renew(asked: Asked, form: RenewForm | ExtendForm) -> Renewed:
    data = form.cleaned_data
    return license_renew(
        license=asked.row, **form.period(), reason=data["reason"], format=format_of(data),
        seen_end=_seen_end(asked), channel=Channel.ADMIN, actor=asked.actor, at=asked.at,
    )  # fmt: skip


def _shown_end(asked: Asked) -> str:
    return asked.row.expires_at.isoformat() if asked.row.expires_at else ""


def _seen_end(asked: Asked) -> datetime | None:
    try:
        return datetime.fromisoformat(asked.seen)
    except ValueError:
        return None


def _new_end(asked: Asked, form: RenewForm | ExtendForm) -> Sequence[str]:
    old, new = asked.row.expires_at, license_renewal_end(license=asked.row, **form.period(), at=asked.at)
    gained = "" if old is None else f", {_days(new - old)} later"
    return (
        f"The end moves from {instant(old)} to {instant(new)}{gained}.",
        f"It then ends {away(new, asked.at)}.",
    )


def _days(gap: Any) -> str:
    return f"{gap.days:,} day{'' if gap.days == 1 else 's'}"


def _renewed(asked: Asked, renewed: Renewed) -> HttpResponse:
    end = instant(renewed.renewal.new_expires_at)
    return _signed(asked, renewed.issued, f"Renewed: it ends on {end} now, and a new key was signed.")


def _end_says(asked: Asked) -> tuple[str, ...]:
    return (
        f"It ends on {instant(asked.row.expires_at, none='no date')} now and will end on the date you choose.",
        "A new key with the later end is signed: the customer needs it for offline use.",
        "Earlier keys stay as they are: online they follow the license, offline they end as written.",
    )


# --- keys ---------------------------------------------------------------------------------------------


def _issue_form(asked: Asked) -> IssueForm:
    may_see_key = may_see_keys(asked.request, [asked.row.kind])
    return IssueForm(posted(asked.request), may_see_key=may_see_key)


def _issue(asked: Asked, form: IssueForm) -> Issued:
    data = form.cleaned_data
    return license_issue(
        license=asked.row, format=format_of(data), persist=data.get("persist"), seen=_seen_key(asked),
        channel=Channel.ADMIN, actor=asked.actor, at=asked.at,
    )  # fmt: skip


LONGEST_SEEN = 19
"""Digits of the largest primary key."""


def _shown_key(asked: Asked) -> int:
    newest = latest_issuance(asked.row)
    return 0 if newest is None else newest.pk


def _seen_key(asked: Asked) -> int | None:
    return int(asked.seen) if asked.seen.isdecimal() and len(asked.seen) <= LONGEST_SEEN else None


def _issue_says(asked: Asked) -> tuple[str, ...]:
    newest = latest_issuance(asked.row)
    earlier = (
        "It is the first key of this license."
        if newest is None
        else f"The key of {instant(newest.issued_at)} stays valid; online it answers that a newer one is out."
    )
    return (
        f"A new key is signed with the terms as they are, good until {_end_of(asked.row)}. Nothing else changes.",
        earlier,
    )


def _issued(asked: Asked, issued: Issued) -> HttpResponse:
    return _signed(asked, issued, "A new key was signed.")


def _end_of(row: License) -> str:
    return instant(row.expires_at, none="further notice: it is perpetual")


def _amend(asked: Asked, form: ReissueForm) -> Issued:
    data = form.cleaned_data
    return license_amend(
        license=asked.row, changes=form.changes(), seen=_seen_key(asked), reason=data["reason"],
        author=staff(asked.request), format=format_of(data), channel=Channel.ADMIN, actor=asked.actor, at=asked.at,
    )  # fmt: skip


def _amendments(asked: Asked, form: ReissueForm) -> Sequence[str]:
    pairs = amendments(license=asked.row, changes=form.changes(), at=asked.at)
    return [pair.says for pair in pairs] or ["Nothing: the key is signed again with the same terms."]


def _amended(asked: Asked, issued: Issued) -> HttpResponse:
    return _signed(asked, issued, "The terms are changed and a new key was signed.")


# --- standing -----------------------------------------------------------------------------------------


def _suspend(asked: Asked, form: ReasonForm) -> License:
    return license_suspend(
        license=asked.row, reason=form.cleaned_data["reason"], actor=asked.actor, at=asked.at
    )


def _suspended(asked: Asked, row: License) -> HttpResponse:
    undo = _offer(asked, "reinstate", "Take it back: reinstate")
    _tell(asked, "Suspended. Online validation refuses it from now on.", undo)
    return done(row)


def _reinstate(asked: Asked, form: RemarkForm) -> License:
    return license_reinstate(
        license=asked.row, reason=form.cleaned_data["reason"], actor=asked.actor, at=asked.at
    )


def _reinstated(asked: Asked, row: License) -> HttpResponse:
    _tell(asked, "Reinstated: online validation accepts it again, and no new key is needed.")
    return done(row)


def _reinstate_says(asked: Asked) -> tuple[str, ...]:
    why = f" ({asked.row.status_reason})" if asked.row.status_reason else ""
    return (
        f"The suspension of {instant(asked.row.status_at)} is taken back{why}.",
        "Online validation accepts it again as far as its term goes; keys that are out work on, none is signed.",
        "The time of the suspension is not added to its term.",
    )


def _revoke(asked: Asked, form: RevokeForm) -> License:
    return license_revoke(license=asked.row, reason=form.reason(), actor=asked.actor, at=asked.at)


def _revoked(asked: Asked, row: License) -> HttpResponse:
    _tell(asked, "Revoked for good. Online validation refuses it from now on.")
    return done(row)


def _revoke_says(asked: Asked) -> tuple[str, ...]:
    return (
        "This is final: it is never signed, renewed or reinstated again. To stop it for a while, suspend it.",
        "Online validation answers revoked at once, to every key of this license.",
        f"Keys that are already out keep validating offline until their exp: {_exp(asked.row)}.",
        "A deployment that validates online stops at its next validation.",
    )


def _exp(row: License) -> str:
    newest = latest_issuance(row)
    return "none is out" if newest is None else instant(newest.expires_at, none="never, they are perpetual")


# --- verifying ----------------------------------------------------------------------------------------


def _verify(asked: Asked, form: VerifyForm) -> Verdict:
    text = form.cleaned_data["key_text"].strip()
    if not text:
        issuance = latest_issuance(asked.row)
        if issuance is None:
            raise NothingIssued
        text = _kept_text(asked, issuance)
    return verdict_for(Question(text=text, fingerprint=form.cleaned_data["fingerprint"] or None), at=asked.at)


def _kept_text(asked: Asked, issuance: Issuance) -> str:
    if not may_see_keys(asked.request, [asked.row.kind]):
        raise PermissionDenied
    return artifact_text(issuance=issuance, actor=asked.actor, at=asked.at)


def _verified(_asked: Asked, verdict: Verdict) -> Mapping[str, Any]:
    return {"verdict": verdict}


# --- the table ----------------------------------------------------------------------------------------


def _plain(form: type[ServiceForm]) -> Callable[[Asked], ServiceForm]:
    return lambda asked: form(posted(asked.request))


DIALOGS = (
    Dialog(
        slug="renew", title="Renew", icon="event_repeat", order=10, front=True,
        allowed=_holds("licenses.renew_license"), fits=_renewable,
        form=_renew_form, says=_end_says, preview=_new_end, act=_renew, done=_renewed, seen=_shown_end,
    ),
    Dialog(
        slug="issue", title="Issue key", icon="draw", order=20, front=True,
        allowed=_may_issue, fits=_signable,
        form=_issue_form, says=_issue_says, act=_issue, done=_issued, seen=_shown_key,
    ),
    Dialog(
        slug="verify", title="Verify", icon="fact_check", order=30, front=True, template="admin/signet/verdict.html",
        allowed=lambda _request, _row: True, form=_plain(VerifyForm), act=_verify, done=_verified,
        says=lambda _asked: (
            "The key is judged as a deployment's online validation would judge it now. Nothing changes.",
            "Opening the kept key is written into the history.",
        ),
    ),
    Dialog(
        slug="extend", title="Extend by days", icon="more_time", order=40, submit="Extend",
        allowed=_holds("licenses.renew_license"), fits=_renewable, says=_end_says, preview=_new_end,
        form=lambda asked: ExtendForm(posted(asked.request), row=asked.row, at=asked.at), act=_renew, done=_renewed,
        seen=_shown_end,
    ),
    Dialog(
        slug="reissue", title="Change terms", icon="edit_note", order=50, wide=True,
        submit="Change terms and re-issue", allowed=_may_issue, fits=_signable, preview=_amendments,
        form=lambda asked: ReissueForm(posted(asked.request), row=asked.row), act=_amend, done=_amended,
        seen=_shown_key,
        says=lambda _asked: (
            "The new terms hold online at once, and a new key is signed that says so.",
            "Keys that are out keep saying the old terms offline until they are replaced.",
            "Account, product, plan, kind and start stay as they are; the end moves by renewing only.",
        ),
    ),
    Dialog(
        slug="suspend", title="Suspend", icon="pause_circle", order=60,
        allowed=_holds("licenses.renew_license"), fits=lambda row: row.status == LicenseStatus.ACTIVE,
        form=_plain(ReasonForm), act=_suspend, done=_suspended,
        says=lambda _asked: (
            "It is neither signed nor renewed until it is reinstated, which takes one click.", OFFLINE,
        ),
    ),
    Dialog(
        slug="reinstate", title="Reinstate", icon="play_circle", order=15, front=True,
        allowed=_holds("licenses.renew_license"), fits=lambda row: row.status == LicenseStatus.SUSPENDED,
        form=_plain(RemarkForm), says=_reinstate_says, act=_reinstate, done=_reinstated,
    ),
    Dialog(
        slug="revoke", title="Revoke", icon="block", order=90, danger=True,
        allowed=_holds("licenses.revoke_license"), fits=lambda row: row.status != LicenseStatus.REVOKED,
        form=lambda asked: RevokeForm(posted(asked.request), row=asked.row),
        says=_revoke_says, act=_revoke, done=_revoked,
    ),
)  # fmt: skip

for _each in DIALOGS:
    dialog_register(_each)
