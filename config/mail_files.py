"""Mail that the file backend wrote, for who runs an installation without a mail server.

A mail is somebody else's text. Its plain part is shown as text; its HTML part in a frame that is sandboxed
without scripts, forms, or an origin of its own, under this page's Content-Security-Policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

BACKEND = "django.core.mail.backends.filebased.EmailBackend"
SHOWN = 200
MAX_BYTES = 1_000_000
SEPARATOR = b"\n" + b"-" * 79 + b"\n"


@dataclass(frozen=True, slots=True)
class MailFile:
    name: str
    size: int
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Mail:
    """What a page shows of one message; empty texts for parts that it does not have."""

    subject: str
    sender: str
    to: str
    date: str
    text: str
    html: str


def may_look(request: HttpRequest) -> bool:
    """Mail may hold licenses and addresses: it is for superusers, and only where files are in use."""
    return bool(request.user.is_active and request.user.is_superuser and _in_use())


def _in_use() -> bool:
    return bool(settings.EMAIL_BACKEND == BACKEND)


def _demand(request: HttpRequest) -> None:
    if not _in_use():
        raise Http404
    if not may_look(request):
        raise PermissionDenied


@require_safe
def mail_list(request: HttpRequest) -> HttpResponse:
    """The newest files, newest first."""
    _demand(request)
    context = {**admin.site.each_context(request), "title": "Mail files", "files": files(), "limit": SHOWN}
    return TemplateResponse(request, "admin/signet/mail_files.html", context)


@require_safe
def mail_page(request: HttpRequest, name: str) -> HttpResponse:
    """One file. Only a name of the list is ever opened, so no path leads out of the folder."""
    _demand(request)
    if name not in {file.name for file in files()}:
        raise Http404
    mails = list(read(Path(settings.EMAIL_FILE_PATH) / name))
    context = {**admin.site.each_context(request), "title": name, "mails": mails}
    return TemplateResponse(request, "admin/signet/mail_file.html", context)


def files() -> list[MailFile]:
    """The newest plain files of the mail folder."""
    folder = Path(settings.EMAIL_FILE_PATH)
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.is_file() and not path.is_symlink()]
    rows = [
        MailFile(path.name, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))
        for path, stat in ((path, path.stat()) for path in found)
    ]
    return sorted(rows, key=lambda row: (row.written_at, row.name), reverse=True)[:SHOWN]


def read(path: Path) -> Iterator[Mail]:
    """The messages of one file, as far as its first megabyte."""
    with path.open("rb") as file:
        content = file.read(MAX_BYTES)
    for raw in content.split(SEPARATOR):
        if raw.strip():
            yield _mail(message_from_bytes(raw, policy=policy.default))


def _mail(message: EmailMessage) -> Mail:
    return Mail(
        subject=str(message["Subject"] or "(no subject)"),
        sender=str(message["From"] or ""),
        to=str(message["To"] or ""),
        date=str(message["Date"] or ""),
        text=_part(message, "plain"),
        html=_part(message, "html"),
    )


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    if body is None:
        return ""
    try:
        return str(body.get_content())
    except (LookupError, ValueError):  # a charset that nobody knows
        payload = body.get_payload(decode=True)
        return payload.decode(errors="replace") if isinstance(payload, bytes) else ""
