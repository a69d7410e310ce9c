"""Mail about trials: the license, the course of the trial (A25), and what operators answer to requests."""

from __future__ import annotations

from typing import Any

from notifications.mail_templates.kinds import MailTemplate
from notifications.models import Stream

_KEY = ".".join(
    ("eyJhbGciOiJSUzI1NiIsImtpZCI6ImRlbW8i", "c2FtcGxlLW9ubHktdGhpcy1pcy1uby1saWNlbnNl" * 9, "c2ln" * 80)
)
_HOSTILE = '<script>alert("a")</script>\r\nBcc: eve@evil.example {{ settings.SECRET_KEY }}'


def sample(**changed: Any) -> dict[str, Any]:
    """What a step of the course is rendered with."""
    return {
        "name": "Ada",
        "account": "Initech",
        "product": "Relay",
        "edition": "enterprise",
        "engagement": "active",
        "heard": True,
        "days_since": 2,
        "days_left": 7,
        "ends": "1 April 2026, 09:30 UTC",
        "ends_on": "1 April 2026",
        "grace_days": 3,
        "extendable": True,
        "license_id": "L-AGNR4K2Q7VHX7JWZ5T3MPLD2AE",
        **changed,
    }


def _license(**changed: Any) -> dict[str, Any]:
    key = {"key": _KEY, "filename": "initech-relay-L-AGNR4K2Q7VHX7JWZ5T3MPLD2AE.lic"}
    return sample(**key, limits="10 seats and 1 node", again=False, extended=False, **changed)


WELCOME = MailTemplate(
    name="trial_welcome",
    title="Trial: welcome with the license",
    about="Sent at once when a trial begins, is asked for again, or is extended.",
    stream=Stream.TRANSACTIONAL,
    samples={
        "new": _license,
        "asked for again": lambda: _license() | {"again": True},
        "extended": lambda: _license() | {"extended": True},
        "hostile names": lambda: _license(name=_HOSTILE, product=_HOSTILE),
    },
)
INSTALL_HELP = MailTemplate(
    name="trial_install_help",
    title="Trial: help to install",
    about="After two days without a heartbeat.",
    stream=Stream.TRIAL,
    samples={"never heard": lambda: sample(heard=False), "without a name": lambda: sample(name="")},
)
MIDDLE = MailTemplate(
    name="trial_middle",
    title="Trial: half way",
    about="In the middle of a trial; the text follows how it fares.",
    stream=Stream.TRIAL,
    samples={
        "active": sample,
        "ready for a pilot": lambda: sample(engagement="pilot_ready"),
        "dormant": lambda: sample(engagement="dormant"),
        "stuck": lambda: sample(engagement="stuck", heard=False),
    },
)
ENDING = MailTemplate(
    name="trial_ending",
    title="Trial: ends soon",
    about="Seven and three days before the end.",
    stream=Stream.TRIAL,
    samples={
        "in seven days": sample,
        "tomorrow, extended before": lambda: sample(days_left=1, extendable=False),
        "without grace": lambda: sample(days_left=3, grace_days=0),
    },
)
EXPIRED = MailTemplate(
    name="trial_expired",
    title="Trial: has ended",
    about="When the trial is over.",
    stream=Stream.TRIAL,
    samples={"with grace": sample, "without grace": lambda: sample(grace_days=0)},
)
FOLLOWUP = MailTemplate(
    name="trial_followup",
    title="Trial: a week after",
    about="Seven days after the end, the last mail of a trial.",
    stream=Stream.TRIAL,
    samples={"it ran": sample, "it never ran": lambda: sample(heard=False)},
)
CODE = MailTemplate(
    name="trial_code",
    title="Trial: code",
    about="Proves the address of somebody who asks for a trial.",
    stream=Stream.TRANSACTIONAL,
    samples={"code": lambda: {"product": "Relay", "code": "042917", "minutes": 60}},
)
DECISION = MailTemplate(
    name="trial_decision",
    title="Trial: an operator's answer",
    about="Declines a request, or asks for more before a trial begins.",
    stream=Stream.TRANSACTIONAL,
    samples={
        "declined": lambda: {
            "product": "Relay", "name": "Ada", "denied": True,
            "said": "We do not serve your region yet.\nWe hope to by autumn.",
        },
        "a question": lambda: {
            "product": "Relay", "name": "", "denied": False, "said": "How many nodes would you run?",
        },
        "hostile words": lambda: {"product": _HOSTILE, "name": _HOSTILE, "denied": True, "said": _HOSTILE},
    },
)  # fmt: skip
USED = MailTemplate(
    name="trial_used",
    title="Trial: had already",
    about="To who has had the trial and asks again before another is possible; the page tells nobody.",
    stream=Stream.TRANSACTIONAL,
    samples={
        "asked again": lambda: {"product": "Relay", "name": "Ada", "until": "1 October 2026"},
        "hostile names": lambda: {"product": _HOSTILE, "name": _HOSTILE, "until": "1 October 2026"},
    },
)
EVALUATOR = MailTemplate(
    name="trial_evaluator",
    title="Trial: how it ended",
    about="Tells whoever tried what became of the trial, as the evidence of its end says.",
    stream=Stream.TRANSACTIONAL,
    samples={
        "revoked": lambda: sample(outcome="revoked", until=""),
        "renewed": lambda: sample(outcome="renewed", until="1 May 2026"),
        "escalated, with grace": lambda: sample(outcome="escalated", until="15 April 2026"),
        "not decided": lambda: sample(outcome="", until="", name=""),
    },
)
NUDGE = MailTemplate(
    name="trial_nudge",
    title="Trial: a word from staff",
    about="One click on the trial board; staff may write their own words.",
    stream=Stream.TRIAL,
    samples={
        "as it comes": lambda: sample(
            said="We noticed that it is quiet around your installation.\nCan we help?",
            sender_name="Grace Hopper",
        )
    },
)

TEMPLATES = (WELCOME, INSTALL_HELP, MIDDLE, ENDING, EXPIRED, FOLLOWUP, CODE, DECISION, USED, EVALUATOR, NUDGE)
