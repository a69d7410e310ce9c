"""The forms of licenses: what one grants, and a small form for each action."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.utils.html import format_html
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminURLInputWidget

from licenses.admin.display import instant
from licenses.admin.forms import (
    EntitlementsField,
    InstantField,
    KeyField,
    ServiceForm,
    count,
    format_field,
    note,
    persist_field,
    select,
    switch,
    text,
)
from licenses.domain.claims import fingerprint_hash
from licenses.domain.enums import Edition
from licenses.domain.periods import PeriodError, RenewalAnchor, renewal_end
from licenses.models import License
from licenses.models.catalogue import choices
from licenses.terms import LIMIT_FIELDS

SHA256 = re.compile(r"[0-9a-f]{64}")
AS_PLANNED = "Empty: as the plan says. 0: unlimited."
ONLINE_HELP = "Deployments ask the address below when they can reach it; offline stays possible."


class TermsForm(ServiceForm):
    """What a license grants. Every field may stay empty: then it is as the plan, or the license, says."""

    ALIASES = {"fingerprint_sha256": "fingerprint"}

    edition = select("Edition", [("", "As the plan says"), *choices(Edition)], required=False)
    quantity = count("Count", lowest=1, help_text="How many of it were sold. Empty: 1.")
    seats = count("Seats", help_text=AS_PLANNED)
    nodes = count("Nodes", help_text=AS_PLANNED)
    machines = count("Machines", help_text=AS_PLANNED)
    collectors = count("Collectors", help_text=AS_PLANNED)
    entitlements = EntitlementsField(
        help_text="Slugs, one a line, or JSON such as {&quot;sso&quot;: true, &quot;projects&quot;: 20}. "
        "Empty: as the plan says."
    )
    fingerprint = text(
        "Fingerprint", max_length=500, help_text="Of the machine it is bound to. Only its SHA-256 is kept."
    )
    prefer_online = switch("Prefer online validation", ONLINE_HELP)
    online_url = forms.URLField(
        label="Online validation at", required=False, assume_scheme="https", max_length=200,
        widget=UnfoldAdminURLInputWidget(),
    )  # fmt: skip
    comment = note("Comment", max_length=2000, help_text="For staff; it is not in the key.")

    def terms(self) -> dict[str, Any]:
        """What was given, under the names of `licenses.terms`."""
        data = self.cleaned_data
        given = {name: data[name] for name in ("edition", *LIMIT_FIELDS, "entitlements")}
        terms = {name: value for name, value in given.items() if value not in (None, "")}
        if data["fingerprint"]:
            terms["fingerprint_sha256"] = _sha256(data["fingerprint"])
        return {
            **terms,
            "prefer_online": data["prefer_online"],
            "online_url": data["online_url"],
            "comment": data["comment"],
        }


class IssueForm(ServiceForm):
    """Sign a snapshot of a license as it is."""

    format = format_field()
    persist = persist_field()

    def __init__(self, *args: Any, may_see_key: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        place_persist(self, may_see_key=may_see_key)


class ReissueForm(TermsForm):
    """Change terms and sign anew (E24). The fields hold what the license says now."""

    SECTIONS = (
        (
            "What it grants",
            ("edition", "quantity", "seats", "nodes", "machines", "collectors", "entitlements"),
        ),
        ("Periods", ("warn_days", "grace_days")),
        ("Where", ("fingerprint", "unbind", "prefer_online", "online_url")),
        ("The key", ("format", "comment", "reason")),
    )
    WIDE = ("entitlements", "comment", "reason")

    warn_days = count("Warn before the end (days)")
    grace_days = count("Grace after the end (days)")
    unbind = switch("Not bound to a machine")
    format = format_field()
    reason = note("Reason", max_length=500, required=True, help_text="Why the terms change: kept as a note.")

    def __init__(self, *args: Any, row: License, **kwargs: Any) -> None:
        names = ("edition", *LIMIT_FIELDS, "entitlements", "warn_days", "grace_days", "prefer_online",
                 "online_url", "comment")  # fmt: skip
        kwargs["initial"] = {name: getattr(row, name) for name in names}
        super().__init__(*args, **kwargs)
        for name in names:
            self.fields[name].show_hidden_initial = True  # what was touched, whoever changed the rest since
        for name in (*LIMIT_FIELDS, "warn_days", "grace_days"):
            self.fields[name].required = True
            self.fields[name].help_text = "0: unlimited." if name in LIMIT_FIELDS[1:] else ""
        self.fields["edition"].widget.choices = choices(Edition)
        self.fields["entitlements"].help_text = "Slugs, one a line, or JSON. Empty: none."
        if row.fingerprint_sha256:
            self.fields["fingerprint"].help_text = "It is bound to a machine. Empty: it stays so."
        else:
            del self.fields["unbind"]

    def changes(self) -> dict[str, Any]:
        """What the re-issue is to change, under the names of `licenses.terms`: what was touched in the form."""
        data = self.cleaned_data
        shown = {**self.terms(), "entitlements": data["entitlements"] or {}}
        shown |= {"warn_days": data["warn_days"], "grace_days": data["grace_days"]}
        changes = {name: shown[name] for name in self.changed_data if name in shown}
        if data["fingerprint"]:
            changes["fingerprint_sha256"] = shown["fingerprint_sha256"]
        elif data.get("unbind"):
            changes["fingerprint_sha256"] = ""
        return changes


class _EndForm(ServiceForm):
    """Choose a later end. `period` gives the arguments of the renewal service; it decides what they lead to."""

    ALIASES = {"months": "choice", "days": "choice", "anchor": "choice"}

    choice = forms.ChoiceField(label="New end", widget=UnfoldAdminRadioSelectWidget())

    def offer(self, options: list[tuple[str, str]]) -> None:
        """Show these choices, the first of them chosen."""
        field: Any = self.fields["choice"]
        field.choices = options
        field.initial = options[0][0]

    def demand(self, name: str, choice: str, sentence: str) -> None:
        """The choice `choice` needs the field `name`."""
        data = self.cleaned_data
        if data.get("choice") == choice and data.get(name) is None and name not in self.errors:
            self.add_error(name, sentence)


class RenewForm(_EndForm):
    """One or two years more, or aligned to a date; every choice shows the instant that it leads to (A26)."""

    DATE = "date"
    ALIGN = "align"

    until = InstantField(label="Date (UTC)", help_text="For the last choice. The end itself is outside.")
    reason = note("Reason", max_length=500)
    format = format_field()

    field_order = ("choice", "until", "reason", "format")

    def __init__(
        self, *args: Any, row: License, at: datetime, others: Sequence[License], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["until"].widget.attrs["data-when"] = f"choice={self.DATE}"
        self.ends = {f"{self.ALIGN}:{other.pk}": other.expires_at for other in others}
        self.offer([*_renewals(row, at), *self._alignments(others), (self.DATE, "At the date below")])

    def _alignments(self, others: Sequence[License]) -> list[tuple[str, str]]:
        return [
            (f"{self.ALIGN}:{other.pk}", f"With {_named(other)} → {instant(other.expires_at)}")
            for other in others
        ]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        self.demand("until", self.DATE, "Give the date of the new end.")
        return data

    def period(self) -> dict[str, Any]:
        """The arguments of the renewal service."""
        choice = self.cleaned_data["choice"]
        if choice == self.DATE:
            return {"until": self.cleaned_data["until"]}
        if choice in self.ends:
            return {"until": self.ends[choice]}
        months, anchor = choice.split(":")
        return {"months": int(months), "anchor": RenewalAnchor(anchor)}


def _named(row: License) -> str:
    return f"{row.product.name} {row.plan.name}, L-…{row.public_id[-8:]}"


def _renewals(row: License, at: datetime) -> list[tuple[str, str]]:
    counted = ((RenewalAnchor.OLD_END, "from the present end"), (RenewalAnchor.NOW, "from today"))
    found = []
    for anchor, words in counted:
        for months, term in ((12, "1 year"), (24, "2 years")):
            end = _end(row, at, months=months, anchor=anchor)
            if end is not None:
                found.append((f"{months}:{anchor}", f"+{term} {words} → {instant(end)}"))
    return found


def _end(row: License, at: datetime, **period: Any) -> datetime | None:
    """Where a choice leads, by the rule of the service; None where that refuses it."""
    try:
        return renewal_end(
            current_end=row.expires_at,
            now=at.replace(microsecond=0),
            **{"anchor": RenewalAnchor.OLD_END, **period},
        )
    except PeriodError:
        return None


class ExtendForm(_EndForm):
    """Some days more, from the present end, or from now when that is past."""

    DAYS = (7, 14, 30, 90)
    OTHER = "other"
    ALIASES = {**_EndForm.ALIASES, "days": "days"}

    days = count("Days", lowest=1, help_text="For the last choice.")
    reason = note("Reason", max_length=500, required=True, help_text="Kept with the renewal.")
    format = format_field()

    field_order = ("choice", "days", "reason", "format")

    def __init__(self, *args: Any, row: License, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["days"].widget.attrs["data-when"] = f"choice={self.OTHER}"
        ends = [(days, _end(row, at, days=days)) for days in self.DAYS]
        offered = [(str(days), f"+{days} days → {instant(end)}") for days, end in ends if end is not None]
        self.offer([*offered, (self.OTHER, "As many as below")])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        self.demand("days", self.OTHER, "Say how many days.")
        return data

    def period(self) -> dict[str, Any]:
        """The arguments of the renewal service."""
        choice = self.cleaned_data["choice"]
        return {"days": self.cleaned_data["days"] if choice == self.OTHER else int(choice)}


class ReasonForm(ServiceForm):
    """Say why. The reason is kept with the license."""

    reason = note("Reason", max_length=500, required=True, help_text="Kept with the license, for staff.")


class RemarkForm(ServiceForm):
    """Say why, if there is something to say."""

    reason = note("Reason", max_length=500, help_text="Kept with the license, for staff.")


class RevokeForm(ServiceForm):
    """Why, in a word of the list and in one's own, and the license named once more: this cannot be undone."""

    OTHER = "Other"
    CAUSES = ("Refunded or charged back", "The customer asked for it", "Breach of terms", "The key leaked",
              "Replaced by another license", "Made by mistake", OTHER)  # fmt: skip
    ALIASES = {"reason": "detail"}

    cause = select("Reason", [("", "Choose one"), *((cause, cause) for cause in CAUSES)])
    detail = note("In your words", max_length=400, help_text="Kept with the license, for staff.")
    confirmation = text(
        "Type the name of the account, or the license id, to confirm", max_length=200, required=True
    )

    def __init__(self, *args: Any, row: License, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row = row
        named = format_html(
            "{} or {}", row.account.name, row.public_id
        )  # help is written into the page as it is
        self.fields["confirmation"].help_text = named
        self.fields["confirmation"].widget.attrs.update({"autocomplete": "off", "spellcheck": "false"})

    def clean_confirmation(self) -> str:
        """The name or the id, in any case and with any spaces: it is a pause, not a password."""
        typed: str = self.cleaned_data["confirmation"]
        if _plain(typed) not in {_plain(self.row.account.name), _plain(self.row.public_id)}:
            raise forms.ValidationError("That is neither the account's name nor the license id.")
        return typed

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("cause") == self.OTHER and not data.get("detail"):
            self.add_error("detail", "Say why.")
        return data

    def reason(self) -> str:
        """Both words in one, as it is kept."""
        cause, said = self.cleaned_data["cause"], self.cleaned_data["detail"]
        return f"{cause}: {said}" if said else str(cause)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


class VerifyForm(ServiceForm):
    """Judge a pasted key, or the newest one that was kept."""

    WIDE = ("key_text",)
    SECTIONS = (("", ("key_text", "fingerprint")),)

    key_text = KeyField(required=False, help_text="Empty: the newest key of this license.")
    fingerprint = text("Fingerprint", max_length=500, help_text="Of the machine that would use it. Optional.")


def place_persist(form: ServiceForm, *, may_see_key: bool) -> None:
    """A key that is not kept must be seen at once, so only who may see keys may choose that."""
    if may_see_key:
        form.fields["persist"].initial = settings.KEEP_ARTIFACTS
    else:
        del form.fields["persist"]


def _sha256(fingerprint: str) -> str:
    return fingerprint if SHA256.fullmatch(fingerprint) else fingerprint_hash(fingerprint)
