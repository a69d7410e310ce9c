"""Pages load everything they name from here, with nothing collected beforehand and nothing from outside."""

from __future__ import annotations

import posixpath
import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.models import User
from config.static_files import StaticFilesMiddleware

LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "use": "href"}
NOT_LOADED = {"canonical", "alternate", "author", "help"}
IN_CSS = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")


class Loads(HTMLParser):
    """Collects the addresses that a browser fetches for a page."""

    def __init__(self):
        super().__init__()
        self.addresses = set()
        self.in_style = False

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.in_style = tag == "style"
        if given.get("rel") not in NOT_LOADED and given.get(LOADING.get(tag)):
            self.addresses.add(given[LOADING[tag]])
        self.addresses |= css_addresses(given.get("style") or "")

    def handle_data(self, data):
        if self.in_style:
            self.addresses |= css_addresses(data)


def css_addresses(text):
    return {first or second for first, second in IN_CSS.findall(text)}


def loaded_by(html):
    parser = Loads()
    parser.feed(html)
    return {address for address in parser.addresses if not address.startswith(("data:", "#", "blob:"))}


@pytest.fixture
def superadmin(db):
    client = Client()
    client.force_login(User.objects.create_superuser(email="root@example.com", password="x"))
    return client


def pages():
    for model in sorted(admin.site._registry, key=lambda model: model._meta.label):
        yield f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"


def assert_loads(client, page):
    answer = client.get(page, follow=True)
    assert answer.status_code == 200, page
    found = loaded_by(answer.content.decode())
    assert found, page
    for address in found:
        assert_is_served(client, urljoin(page, address))


served = set()


def assert_is_served(client, address):
    """200 for the address and, in a style sheet, for everything that it loads; each asked once a session."""
    assert urlsplit(address).netloc == "", f"{address} is outside"
    if address in served:
        return
    served.add(address)
    answer = client.get(address)
    assert answer.status_code == 200, address
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    if urlsplit(address).path.endswith(".css"):
        folder = posixpath.dirname(urlsplit(address).path) + "/"
        for inner in css_addresses(body.decode()):
            if not inner.startswith(("data:", "#")):
                assert_is_served(client, urljoin(folder, inner))


@pytest.mark.parametrize("name", ["admin:login", "admin:index", "admin:password_change"])
def test_the_pages_of_the_admin_load_from_here(superadmin, name):
    client = Client() if name == "admin:login" else superadmin
    if name == "admin:login":
        client.logout()
    assert_loads(client, reverse(name))


def test_every_list_of_the_admin_loads_from_here(superadmin, crm_shown):
    for name in pages():
        assert_loads(superadmin, reverse(name))


def test_the_documentation_of_the_api_loads_from_here(superadmin):
    assert_loads(superadmin, "/api/v1/docs")


@pytest.mark.django_db
def test_an_asset_that_does_not_exist_is_not_found(client):
    assert client.get("/static/nothing.css").status_code == 404


def test_files_of_every_app_are_served_before_anything_was_collected(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path / "not-there"
    settings.WHITENOISE_USE_FINDERS = True
    files = StaticFilesMiddleware(lambda _: None).files
    assert any(path.startswith("/static/unfold/") for path in files)
    assert any(path.startswith("/static/drf_spectacular_sidecar/") for path in files)
    assert apps.is_installed("unfold")


def test_what_was_collected_is_served_without_looking_at_the_apps(settings, tmp_path):
    (tmp_path / "one.css").write_text("a{}")
    settings.STATIC_ROOT = tmp_path
    settings.WHITENOISE_USE_FINDERS = False
    assert set(StaticFilesMiddleware(lambda _: None).files) == {"/static/one.css"}
