"""How states of mail look, in lists and on pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.safestring import SafeString

from config.kit.display import instant, label, link
from notifications.mail_templates import TEMPLATES
from notifications.models import Message, Suppression

State = Message.State
TONES: Mapping[str, str] = {
    State.QUEUED: "info",
    State.CLAIMED: "info",
    State.SENT: "success",
    State.DELIVERED: "success",
    State.BOUNCED: "danger",
    State.COMPLAINED: "danger",
    State.FAILED: "danger",
    State.SUPPRESSED: "warning",
}
REASON_TONES: Mapping[str, str] = {
    Suppression.Reason.HARD_BOUNCE: "danger",
    Suppression.Reason.COMPLAINT: "danger",
    Suppression.Reason.UNSUBSCRIBE: "info",
    Suppression.Reason.MANUAL: "warning",
}


def state_label(message: Message) -> SafeString:
    """The state; a message that was put off says so."""
    if message.state == State.QUEUED and message.attempts:
        return label("waiting", "warning")
    return label(str(message.get_state_display()).lower(), TONES.get(message.state, ""))


def template_title(name: str) -> str:
    """What a template is called; one that is gone by its name."""
    return TEMPLATES[name].title if name in TEMPLATES else name


def meaning(message: Message) -> str:  # noqa: PLR0911 - one table, a line a case
    """What the state means and what happens next, in a sentence."""
    match message.state:
        case State.QUEUED if message.attempts:
            tries = f"{message.attempts} attempt{'s' * (message.attempts != 1)} failed"
            return f"{tries}; it is tried again at {instant(message.due_at)}."
        case State.QUEUED:
            return "It waits for a worker, which takes a moment."
        case State.CLAIMED:
            return "A worker is sending it."
        case State.SENT:
            return f"Taken by {message.provider or 'the server'}. Whether it arrived, nobody has reported."
        case State.DELIVERED:
            return "The receiver's server took it."
        case State.BOUNCED:
            return "The receiver's server refused it."
        case State.COMPLAINED:
            return "It arrived, and the recipient called it spam. Nothing more is sent to this address."
        case State.FAILED:
            return "It was given up and did not arrive."
    return "It was not sent: the recipient is not written to."


def message_table(rows: Iterable[Message], *, recipient: bool = True) -> dict[str, Any]:
    """Messages as a table of a page."""
    cells = [
        [
            instant(row.created_at),
            *([row.recipient] if recipient else []),
            link(row, row.subject),
            template_title(row.template),
            state_label(row),
        ]
        for row in rows
    ]
    return {
        "headers": ["Written", *(["To"] if recipient else []), "Subject", "Template", "State"],
        "rows": cells,
    }
