"""Routes of this app, mounted under /api/v1/."""

from __future__ import annotations

from django.urls import path

from accounts.api import views
from config.kit.api.routing import by_method

urlpatterns = [
    path("accounts", by_method(get=views.AccountList, post=views.AccountCreate), name="accounts"),
    path("accounts/<slug:slug>", by_method(get=views.AccountRead, patch=views.AccountUpdate), name="account"),
    path("accounts/<slug:slug>/promote", views.AccountPromote.as_view(), name="account-promote"),
    path("accounts/<slug:slug>/merge", views.AccountMerge.as_view(), name="account-merge"),
    path("api-keys", by_method(get=views.ApiKeyList, post=views.ApiKeyCreate), name="api-keys"),
    path("api-keys/<slug:prefix>/revoke", views.ApiKeyRevoke.as_view(), name="api-key-revoke"),
    path("me", views.Me.as_view(), name="me"),
]
