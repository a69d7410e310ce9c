"""Content-Security-Policy."""

from __future__ import annotations

import pytest
from django.urls import reverse

from config.kit.csp import POLICY


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/login/", "/api/v1/me", "/nothing"])
def test_every_page_carries_the_policy(path, client):
    header = client.get(path).headers["Content-Security-Policy"]
    assert "default-src 'self'" in header
    assert "frame-ancestors 'none'" in header
    assert "object-src 'none'" in header


def test_no_source_is_another_host():
    sources = {source for allowed in POLICY.values() for source in allowed}
    assert sources <= {"'self'", "'none'", "'unsafe-eval'", "'unsafe-inline'", "data:"}


def directives(answer):
    parts = (part.split() for part in answer.headers["Content-Security-Policy"].split(";"))
    return {name: set(sources) for name, *sources in parts}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/login/", "/admin/nothing/", "/api/v1/me", "/nothing"])
def test_no_page_runs_an_inline_script(path, client):
    """What the admin's pages bear is tested in a browser."""
    assert "'unsafe-inline'" not in directives(client.get(path))["script-src"]


@pytest.mark.django_db
def test_the_admin_takes_styles_from_files_and_attributes_only(client):
    policy = directives(client.get(reverse("admin:login")))
    assert policy["style-src"] == {"'self'"}
    assert policy["style-src-attr"] == {"'unsafe-inline'"}


@pytest.mark.django_db
def test_expressions_are_evaluated_in_the_admin_only(client):
    assert "'unsafe-eval'" in directives(client.get(reverse("admin:login")))["script-src"]
    assert "'unsafe-eval'" not in directives(client.get("/api/v1/me"))["script-src"]
