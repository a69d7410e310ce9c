"""Routes for recipients of mail and for the mail provider."""

from __future__ import annotations

from django.urls import path

from notifications import pages
from notifications.provider_reports import provider_patterns
from notifications.unsubscribing import PATH

urlpatterns = [
    path(f"{PATH}<str:token>", pages.unsubscribe, name="mail_unsubscribe"),
    path(f"{PATH}<str:token>/undo", pages.resubscribe, name="mail_resubscribe"),
    *provider_patterns(),
]
