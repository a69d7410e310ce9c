"""Pages for recipients of mail, who have no account here: their token is all they need.

Nothing happens on GET: programs that look at links in mail would unsubscribe people. The POST of a mail
program (RFC 8058) and that of the page's own button are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from config.kit.api import problems
from config.kit.clock import now
from notifications.models import Message, Stream
from notifications.selectors.messages import message_of_token
from notifications.selectors.suppressions import is_unsubscribed
from notifications.services.unsubscribing import message_resubscribe, message_unsubscribe

TEMPLATE = "notifications/unsubscribe.html"


def unavailable_as_503(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """An outage of ours is no fault of the caller: it is told when to come back."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Exception as error:
            refusal = problems.refusal_of(error)
            if refusal is None:
                raise
            return problems.response(refusal)

    return answer


@csrf_exempt  # a mail program has no cookie, and the token is not to be guessed
@require_http_methods(["GET", "HEAD", "POST"])
@unavailable_as_503
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Show what would end; POST ends it. Never a redirect, which RFC 8058 forbids for the answer to its POST."""
    message = message_of_token(token)
    if message is None:
        return _page(request, None, status=404)
    if request.method == "POST":
        message_unsubscribe(message=message, at=now())
    return _page(request, message, token=token)


@csrf_exempt  # as above
@require_http_methods(["POST"])
@unavailable_as_503
def resubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """The undo of the page."""
    message = message_of_token(token)
    if message is None:
        return _page(request, None, status=404)
    message_resubscribe(message=message, at=now())
    return _page(request, message, token=token, again=True)


def _page(
    request: HttpRequest, message: Message | None, *, status: int = 200, **context: Any
) -> HttpResponse:
    if message is not None:
        context |= {
            "stream": Stream(message.stream).label,
            "address": masked(message.recipient),
            "unsubscribed": is_unsubscribed(message.recipient, message.stream),
        }
    answer = TemplateResponse(request, TEMPLATE, {"known": message is not None, **context}, status=status)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Robots-Tag"] = "noindex"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def masked(address: str) -> str:
    """Enough of an address for its owner to know it again: a mail may have been passed on."""
    name, _, domain = address.partition("@")
    return f"{name[:1]}•••@{domain}"
