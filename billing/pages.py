"""Where a buyer arrives after Stripe's pay page, when neither storefront nor merchant has a page of its own.

They know nothing of the order: what was paid is for the webhook to tell, never for the browser.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def done(request: HttpRequest) -> HttpResponse:
    return _page(
        request, "Thank you", "Your order has reached us. Once it is paid your license comes by mail."
    )


@require_safe
def cancelled(request: HttpRequest) -> HttpResponse:
    return _page(request, "Nothing was paid", "You have left the pay page. You can begin again at any time.")


def _page(request: HttpRequest, title: str, said: str) -> HttpResponse:
    answer = render(request, "billing/returned.html", {"title": title, "said": said})
    answer.headers["X-Robots-Tag"] = "noindex"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer
