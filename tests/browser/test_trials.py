"""The trial page and the counting script on a vendor's own site, which is another origin."""

from __future__ import annotations

import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import expect

from config.kit.clock import now
from licenses.services.catalogue import plan_create
from trials.models import TrafficDay, Trial, TrialRequest
from trials.services.programs import program_create, program_update


class Site(ThreadingHTTPServer):
    """A vendor's site: every address answers with the same page."""

    page = ""

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = self.server.page.encode() if self.path.startswith("/?") or self.path == "/" else b""
        self.send_response(200 if page else 204)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def site():
    """Another origin than Signet's: the same machine, another port."""
    server = Site(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.05), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def program(office, site):
    """A public program that the vendor's site may embed."""
    by: dict[str, Any] = {"actor": "cli:test", "at": now()}
    plan = plan_create(
        product=office.product, slug="trial", name="Trial", kind="trial", duration_days=30, **by
    )
    given = {"slug": "demo", "name": "Demo", "product": office.product, "plan": plan, "public": True}
    return program_create(**given, origins=[site.origin], default=True, **by)


def fill(frame) -> None:
    frame.get_by_label("Your e-mail address").fill("ada@initech.example")
    frame.get_by_role("button", name="Ask for the trial").click()
    expect(frame.get_by_role("heading", name="Look into your mail")).to_be_visible()


def test_the_script_counts_one_visit_and_leaves_nothing(tab, window, site, live_server, office):
    """A24: counted by source, medium and campaign; no cookie, nothing stored."""
    script = f"{live_server.url}/static/signet/visit.js"
    site.page = f'<!doctype html><title>Shop</title><script src="{script}" async></script>'
    with tab.expect_response("**/api/v1/visits") as counted:
        tab.goto(f"{site.origin}/?utm_source=hn&utm_medium=post&utm_campaign=launch")
    assert counted.value.status == 202
    row = TrafficDay.objects.get()
    assert (row.source, row.medium, row.campaign, row.visits) == ("hn", "post", "launch", 1)
    assert window.cookies() == []
    assert tab.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert "cookie" not in counted.value.request.all_headers()


def test_the_script_is_silent_for_who_asks_not_to_be_tracked(tab, site, live_server, office):
    """A24: Global Privacy Control."""
    tab.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    site.page = (
        f'<!doctype html><title>Shop</title><script src="{live_server.url}/static/signet/visit.js"></script>'
    )
    tab.goto(f"{site.origin}/?utm_source=hn")
    tab.wait_for_load_state("networkidle")
    assert any(url.endswith("visit.js") for url in asked)
    assert not any(url.endswith("/visits") for url in asked)
    assert not TrafficDay.objects.exists()


def test_the_embedded_page_learns_where_the_visitor_came_from(
    tab, window, site, live_server, program, sign_in, settings
):
    """A23, E21: the HTML of the program's page, pasted into another site; UTM goes from there to the trial."""
    settings.BASE_URL = live_server.url
    admin = sign_in()
    admin.goto(f"/admin/trials/trialprogram/{program.pk}/change/")
    admin.get_by_text("The trial page, and how to embed it").click()
    expect(admin.get_by_role("link", name=f"{live_server.url}/trial/demo")).to_be_visible()
    admin.get_by_role("button", name="Copy HTML").click()
    expect(admin.get_by_text("Copied")).to_be_visible()
    snippet = admin.evaluate("navigator.clipboard.readText()")
    window.clear_cookies()
    site.page = f"<!doctype html><title>Shop</title><h1>Shop</h1>{snippet}"
    tab.goto(f"{site.origin}/?utm_source=hn&utm_medium=post&utm_campaign=launch&first_source=ads")
    fill(tab.frame_locator("iframe"))
    row = Trial.objects.get()
    assert (row.first_touch["source"], row.last_touch["source"]) == ("ads", "hn")
    assert (row.last_touch["medium"], row.last_touch["campaign"]) == ("post", "launch")
    assert TrafficDay.objects.get().visits == 1
    assert window.cookies() == []


def test_the_address_of_a_frame_may_carry_it_without_any_script(tab, site, live_server, program):
    """A23: the plain frame, as the documentation has it."""
    frame = f"{live_server.url}/trial/demo?utm_source=site"
    site.page = f'<!doctype html><title>Shop</title><iframe src="{frame}" title="Ask for a trial"></iframe>'
    tab.goto(site.origin)
    fill(tab.frame_locator("iframe"))
    assert TrialRequest.objects.get().first_touch["source"] == "site"


def test_another_site_may_not_embed_it(tab, site, live_server, program, complaints):
    """E21: only the sites that the program names."""
    program_update(program=program, origins=["https://www.example.com"], actor="cli:test", at=now())
    site.page = (
        f'<!doctype html><title>Shop</title><iframe src="{live_server.url}/trial/demo" title="x"></iframe>'
    )
    tab.goto(site.origin)
    tab.wait_for_load_state("networkidle")
    expect(tab.frame_locator("iframe").get_by_role("button", name="Ask for the trial")).to_have_count(0)
    assert any("frame-ancestors" in complaint for complaint in complaints)
    complaints.clear()
