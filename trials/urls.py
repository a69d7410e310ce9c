"""Routes of the hosted trial page, mounted at the root."""

from __future__ import annotations

from django.urls import path

from trials import pages

urlpatterns = [
    path("trial/<slug:slug>", pages.ask, name="trial-page"),
    path("trial/<slug:slug>/mail", pages.sent, name="trial-page-mail"),
    path("trial/<slug:slug>/code/<uuid:uid>", pages.code, name="trial-page-code"),
]
