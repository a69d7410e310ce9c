"""What mail adds to the page of a trial and to the board: the course of its mail, and the nudge (A25)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from config.kit.display import instant, label, page_of
from config.kit.forms import ServiceForm, note, posted
from licenses.admin.people import staff
from notifications.admin.message_display import state_label
from notifications.domain.drips import Decision, Verdict
from notifications.models import DripEntry, DripStep
from notifications.services.drips import Courses, drip_decisions, is_silenced
from notifications.services.trial_mail import trial_nudge
from trials.admin.parts import Asked, Dialog, Section, dialog_register, needs, section_register
from trials.models import Trial

VIEW = "trials.view_trial"
LOG = "notifications.view_message"
MANAGE = "trials.manage_trial"
LONGEST = 2000
REASONS = {
    "converted": "The trial led to a purchase: nothing more is mailed.",
    "revoked": "The license was revoked: nothing more is mailed.",
    "ended": "The trial was ended: nothing more is mailed.",
    "unsubscribed": "The address unsubscribed, or is not written to.",
    "missed": "Its window had passed.",
    "overtaken": "A later step was due as well, and overtook it.",
}
QUIET = (
    "We noticed that nothing was heard from your installation yet.\n"
    "Is something in the way? We are glad to help you set it up."
)
WORDS = {
    "requested": "Your trial has begun. Is there anything that you need to install it?",
    "stuck": QUIET,
    "active": "Your installation is running: how do you get on? Tell us what you would like to see.",
    "dormant": (
        "It has become quiet around your installation.\n"
        "Did something not work as you expected? A short answer helps us both."
    ),
    "pilot_ready": (
        "Your installation is in good use.\n"
        "Shall we talk about a pilot with your team? Answer with two times that suit you."
    ),
}


# --- the course ---------------------------------------------------------------------------------------


def content(request: HttpRequest, row: Trial, at: datetime) -> dict[str, Any]:
    """What was sent, what comes next, and why a step was or will be left out."""
    steps = list(DripStep.objects.all())
    names = {step.slug: step for step in steps}
    names |= {step.slug: step for step in steps if step.program_id == row.program_id}
    done = DripEntry.objects.filter(trial=row).select_related("message").defer("message__parts")
    sees_log = request.user.has_perm(LOG)
    coming = drip_decisions(row, Courses().of(row.program_id), at)
    log = reverse("admin:notifications_message_changelist")
    return {
        "course": [
            *(_done(entry, names, sees_log=sees_log) for entry in done.order_by("at", "pk")),
            *(_coming(decision, names, at) for decision in coming),
        ],
        "log_url": f"{log}?{urlencode({'license': row.license.public_id})}" if sees_log else "",
    }


def _done(entry: DripEntry, names: Mapping[str, DripStep], *, sees_log: bool) -> dict[str, Any]:
    sent = entry.state == DripEntry.State.SENT
    state: SafeString = label("sent", "success") if sent else label("skipped")
    return {
        "step": _name(entry.step, names),
        "when": instant(entry.at),
        "state": state_label(entry.message) if entry.message else state,
        "why": "" if sent else _why(entry.reason, entry.step, names),
        "url": page_of(entry.message) if entry.message and sees_log else "",
    }


def _coming(decision: Decision, names: Mapping[str, DripStep], at: datetime) -> dict[str, Any]:
    slug = decision.step.slug
    found = {"step": _name(slug, names), "when": instant(decision.due_at), "why": "", "url": ""}
    if decision.verdict is Verdict.WAIT:
        holds = names[slug].get_condition_display() if slug in names else ""
        return {**found, "state": label("comes", "info"), "why": f"Sent {holds}." if holds else ""}
    if decision.verdict is Verdict.SEND:
        return {**found, "state": label("due", "warning"), "why": "The next run sends it."}
    due = decision.due_at <= at
    verb = label("is skipped") if due else label("will not come")
    return {**found, "state": verb, "why": _why(decision.reason, slug, names)}


def _name(slug: str, names: Mapping[str, DripStep]) -> str:
    return names[slug].name if slug in names else slug


def _why(reason: str, slug: str, names: Mapping[str, DripStep]) -> str:
    if reason == "condition" and slug in names:
        return f"It goes out {names[slug].get_condition_display()}, and that did not hold."
    return REASONS.get(reason, reason)


# --- the nudge ----------------------------------------------------------------------------------------


class NudgeForm(ServiceForm):
    WIDE = ("words",)

    words = note(
        "Your words", max_length=LONGEST, required=True,
        help_text="They stand in the mail as you write them, between a greeting and your name.",
    )  # fmt: skip


def _form(asked: Asked) -> NudgeForm:
    return NudgeForm(
        posted(asked.request), initial={"words": WORDS.get(asked.row.engagement, WORDS["requested"])}
    )


def _says(asked: Asked) -> list[str]:
    row: Trial = asked.row
    says = [f"{row.email} gets your words by mail. Answers come to {staff(asked.request).email}."]
    if is_silenced(row.email):
        says.insert(0, f"{row.email} unsubscribed from trial mail, or cannot be reached: it is not sent.")
    if row.nudged_at is not None:
        says.append(f"Somebody wrote on {instant(row.nudged_at)}. You can write once a day.")
    return says


def _nudge(asked: Asked, data: Mapping[str, Any]) -> str:
    message = trial_nudge(
        trial=asked.row, words=data["words"], sender=staff(asked.request), actor=asked.actor, at=asked.at
    )
    if message.created_at < asked.at:
        return f"Nothing new was sent: you wrote to {message.recipient} on {instant(message.created_at)}."
    return f"Your words are on their way to {message.recipient}."


section_register(
    Section(
        slug="mail", title="Course of the mail", order=10, template="admin/signet/trial_mail.html",
        content=content, allowed=needs(VIEW),
    )
)  # fmt: skip
dialog_register(
    Dialog(
        slug="nudge", title="Nudge", icon="waving_hand", order=20, allowed=needs(MANAGE), form=_form,
        says=_says, act=_nudge, fits=lambda row: row.ended_at is None, submit="Send", on_card=True,
    )
)  # fmt: skip
