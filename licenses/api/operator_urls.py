"""Routes of the License Operator, mounted under /authlance/."""

from __future__ import annotations

from django.urls import path

from licenses.api import converters as converters  # noqa: PLC0414 - registers them
from licenses.api import operator

urlpatterns = [
    path("license/internal/issue", operator.LicenseEnsure.as_view(), name="operator-issue"),
    path(
        "license/groups/<identifier:group>/licenses",
        operator.GroupLicenses.as_view(),
        name="operator-group-licenses",
    ),
    path("license/<identifier:identifier>", operator.LicenseRetrieve.as_view(), name="operator-retrieve"),
]
