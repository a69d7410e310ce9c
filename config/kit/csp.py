"""Content-Security-Policy for every page.

Nothing loads from, posts to or is framed by another host, and no inline script ever runs. The admin's
Alpine.js evaluates the expressions in its attributes and would stand still without `unsafe-eval`, so the
admin alone has it; its style sheets are files, and only `style` attributes (Alpine, select2) are inline.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Policy = dict[str, list[str]]

POLICY: Policy = {
    "default-src": ["'self'"],
    "script-src": ["'self'"],
    "style-src": ["'self'", "'unsafe-inline'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'", "data:"],
    "connect-src": ["'self'"],
    "object-src": ["'none'"],
    "base-uri": ["'self'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}
ADMIN: Policy = {
    "script-src": ["'self'", "'unsafe-eval'"],
    "style-src": ["'self'"],
    "style-src-attr": ["'unsafe-inline'"],
}


class ContentSecurityPolicyMiddleware:
    """Sets the header unless the view did."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        policy: Policy = settings.CONTENT_SECURITY_POLICY
        self.header = _header(policy)
        self.admin_header = _header({**policy, **ADMIN})

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        match = request.resolver_match
        in_admin = match is not None and match.app_names == ["admin"]
        response.headers.setdefault("Content-Security-Policy", self.admin_header if in_admin else self.header)
        return response


def _header(policy: Policy) -> str:
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in policy.items())
