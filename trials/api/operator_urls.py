"""Routes of the License Operator about trials, mounted under /authlance/."""

from __future__ import annotations

from django.urls import path

from licenses.api import converters as converters  # noqa: PLC0414 - registers them
from trials.api import views

urlpatterns = [
    path("license/trial/<identifier:group>/issue", views.OperatorTrial.as_view(), name="operator-trial")
]
