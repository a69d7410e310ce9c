"""What a template says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from notifications.models import Stream

Context = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MailTemplate:
    """One template. Its files are `templates/mail/<name>/{subject.txt,body.txt,body.html}`.

    What is secret in a `private` one only superadmins read in the log, whatever rights others hold.

    `samples` are the states that the gallery shows: a title, and what makes the context. A context holds
    plain values (texts, numbers, dates, lists and maps of them) and never a row of the database.
    """

    name: str
    title: str
    about: str
    stream: Stream
    samples: Mapping[str, Callable[[], Context]]
    private: bool = False
