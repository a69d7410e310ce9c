"""The dialogs of a trial's page. Each says what will happen, then calls one service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from config.kit.display import instant
from config.kit.errors import Refusal
from config.kit.forms import ServiceForm, note, posted
from licenses.admin.license_actions import OFFLINE
from licenses.admin.people import staff
from licenses.domain.enums import Kind
from licenses.models import License
from licenses.services.renewing import license_renewal_end
from trials.admin.parts import Asked, Dialog, dialog_register, needs
from trials.models import Trial
from trials.services.running import trial_convert, trial_end, trial_extend, trial_revoke

MANAGE = "trials.manage_trial"
LONGEST = 500
OFFERED = 50
"""Licenses of the account among which the purchase is chosen."""


class ReasonForm(ServiceForm):
    WIDE = ("reason",)

    reason = note(
        "Reason", max_length=LONGEST, required=True, help_text="For staff; the customer does not see it."
    )


class ConvertForm(ServiceForm):
    WIDE = ("license",)

    license = forms.ModelChoiceField(
        label="Bought", queryset=License.objects.none(), required=False, empty_label="Not known here",
        widget=UnfoldAdminSelectWidget(), help_text="The commercial license that the trial led to.",
    )  # fmt: skip

    def __init__(self, data: Any, *, row: Trial) -> None:
        super().__init__(data)
        field: Any = self.fields["license"]
        rows = License.objects.select_related("product", "plan").filter(
            account=row.account_id, kind=Kind.COMMERCIAL
        )
        newest = list(rows.order_by("-id").values_list("pk", flat=True)[:OFFERED])
        field.queryset = rows.filter(pk__in=newest).order_by("-id")
        field.label_from_instance = _license_name


def _license_name(row: License) -> str:
    return f"{row.product.name} {row.plan.name}, L-…{row.public_id[-8:]}, {row.created_at:%Y-%m-%d}"


def _runs(row: Trial) -> bool:
    return row.ended_at is None


def _extendable(row: Trial) -> bool:
    return _runs(row) and row.extensions < row.program.extensions_max


def _extension(asked: Asked) -> list[str]:
    row: Trial = asked.row
    try:
        ends = license_renewal_end(license=row.license, days=row.program.extension_days, at=asked.at)
    except Refusal as refusal:
        return [f"It cannot be extended now. {refusal.detail}"]
    left = row.program.extensions_max - row.extensions - 1
    more = f"{left} more after this." if left > 0 else "It is the last one that the program allows."
    return [
        f"The end moves from {instant(row.ends_at)} to {instant(ends)} ({row.program.extension_days} days).",
        f"A new key is signed and mailed to {row.email}.",
        more,
    ]


def _extend(asked: Asked, _data: Mapping[str, Any]) -> str:
    renewed = trial_extend(trial=asked.row, actor=asked.actor, at=asked.at)
    return f"Extended: the trial runs until {instant(renewed.renewal.new_expires_at)}."


def _conversion(asked: Asked) -> list[str]:
    row: Trial = asked.row
    if row.ended_at is not None:
        return [
            f"The trial ended on {instant(row.ended_at)} as {row.outcome}; from now on it counts as converted.",
            "No more of its mail goes out.",
        ]
    return [
        "The trial ends as converted, and no more of its mail goes out.",
        f"Its own license runs on until {instant(row.ends_at)}.",
        "A trial converts by itself when its account gets a commercial license.",
    ]


def _convert(asked: Asked, data: Mapping[str, Any]) -> str:
    trial_convert(trial=asked.row, license=data["license"], actor=asked.actor, at=asked.at)
    return "Converted. No more mail of this trial goes out."


def _end(asked: Asked, data: Mapping[str, Any]) -> str:
    trial_end(
        trial=asked.row, reason=data["reason"], author=staff(asked.request), actor=asked.actor, at=asked.at
    )
    return "The trial is ended. The reason stands in the notes of its license."


def _revoke(asked: Asked, data: Mapping[str, Any]) -> str:
    trial_revoke(trial=asked.row, reason=data["reason"], actor=asked.actor, at=asked.at)
    return "Revoked: the license is refused online from now on, and the trial has ended."


dialog_register(
    Dialog(
        slug="extend", title="Extend", icon="more_time", order=10, allowed=needs(MANAGE), says=_extension,
        act=_extend, fits=_extendable,
    )
)  # fmt: skip
dialog_register(
    Dialog(
        slug="convert", title="Convert", icon="handshake", order=30, allowed=needs(MANAGE), act=_convert,
        form=lambda asked: ConvertForm(posted(asked.request), row=asked.row), says=_conversion,
        fits=lambda row: row.may_convert,
    )
)  # fmt: skip
dialog_register(
    Dialog(
        slug="end", title="End", icon="stop_circle", order=40, allowed=needs(MANAGE), act=_end,
        form=lambda asked: ReasonForm(posted(asked.request)), fits=_runs, submit="End the trial",
        says=lambda asked: [
            "The trial counts as lost, and no more of its mail goes out.",
            f"Its license is not taken back: it runs out on {instant(asked.row.ends_at)}.",
        ],
    )
)  # fmt: skip
dialog_register(
    Dialog(
        slug="revoke", title="Revoke", icon="block", order=50, allowed=needs(MANAGE), act=_revoke, danger=True,
        form=lambda asked: ReasonForm(posted(asked.request)), fits=_runs, submit="Revoke the license",
        says=lambda _asked: [
            "The license of the trial is revoked for good, and the trial ends with it.",
            OFFLINE,
            "No more mail of this trial goes out.",
        ],
    )
)  # fmt: skip
