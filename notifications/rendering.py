"""Subject, text and HTML of a mail, made from files only: a name that somebody typed is never a template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from css_inline import CSSInliner
from django.conf import settings
from django.template import Context, Engine

from notifications.domain.headers import UnfitHeader, split_mailbox, subject_line
from notifications.errors import UnfitMessage, UnknownTemplate
from notifications.mail_templates import TEMPLATES

FOLDER = Path(__file__).parent / "templates"
_BLANK_LINES = re.compile(r"\n{3,}")
_TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)
# Nothing is ever fetched: what a mail needs stands in it.
_INLINER = CSSInliner(keep_style_tags=False, keep_at_rules=True, load_remote_stylesheets=False)


@dataclass(frozen=True, slots=True)
class Rendered:
    """The parts that a person reads. The subject is one line."""

    subject: str
    text: str
    html: str


def render(template: str, context: Mapping[str, Any]) -> Rendered:
    """Render a template of the table. Raises UnknownTemplate, and UnfitMessage when the subject is empty.

    Beside `context` a template knows `brand` (the name that mail is sent under), `base_url`, and, where the
    caller gives one, `unsubscribe_url`.
    """
    if template not in TEMPLATES:
        raise UnknownTemplate(f"There is no mail template {template[:60]!r}.")
    values = {"brand": brand(), "base_url": settings.BASE_URL, "unsubscribe_url": "", **context}
    folder = f"mail/{template}"
    try:
        subject = subject_line(_filled(_plain(), f"{folder}/subject.txt", values))
    except UnfitHeader as error:
        raise UnfitMessage("subject", str(error)) from error
    values |= {"subject": subject}
    text = _filled(_plain(), f"{folder}/body.txt", values)
    html = _filled(_markup(), f"{folder}/body.html", values)
    return Rendered(subject, _tidy(text), _INLINER.inline(html))


def brand() -> str:
    """The name that mail is sent under: that of SIGNET_MAIL_FROM."""
    return split_mailbox(settings.DEFAULT_FROM_EMAIL)[0] or "Signet"


def _filled(engine: Engine, name: str, values: Mapping[str, Any]) -> str:
    return engine.get_template(name).render(Context(dict(values), autoescape=engine.autoescape))


def _tidy(text: str) -> str:
    lines = _TRAILING.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _BLANK_LINES.sub("\n\n", lines).strip("\n") + "\n"


@cache
def _plain() -> Engine:
    """For subject and text, where an ampersand is an ampersand."""
    return Engine(dirs=[str(FOLDER)], autoescape=False)


@cache
def _markup() -> Engine:
    return Engine(dirs=[str(FOLDER)])
