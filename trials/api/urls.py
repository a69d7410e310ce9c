"""Routes of this app, mounted under /api/v1/."""

from __future__ import annotations

from django.urls import path

from config.kit.api.routing import by_method
from trials.api import evidence_urls, views
from trials.api.visits import VisitCreate, from_any_site

urlpatterns = [
    path("trials", by_method(get=views.TrialList, post=views.TrialCreate), name="trials"),
    path("trials/requests/<uuid:uid>/confirm", views.RequestConfirm.as_view(), name="trial-request-confirm"),
    path("trials/<uuid:uid>", views.TrialRead.as_view(), name="trial"),
    path("trials/<uuid:uid>/extend", views.TrialExtend.as_view(), name="trial-extend"),
    path("trials/<uuid:uid>/end", views.TrialEnd.as_view(), name="trial-end"),
    path("trials/<uuid:uid>/revoke", views.TrialRevoke.as_view(), name="trial-revoke"),
    *evidence_urls.urlpatterns,
    path("visits", from_any_site(by_method(post=VisitCreate)), name="visits"),
]
