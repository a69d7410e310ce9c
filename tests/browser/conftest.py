"""A real Chromium against a real server. Whatever the page complains about fails the test."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.sessions.backends.db import SessionStore
from django.db.backends.sqlite3.base import SQLiteCursorWrapper
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # playwright keeps an event loop in the thread of the tests

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
collect_ignore = [] if apps.is_installed("crm") else ["test_crm.py"]
PASSWORD = "correct horse battery staple"
expect.set_options(timeout=15_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of them drive a browser, commit what they do, and speak to a server on this machine."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.enable_socket)
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(autouse=True, scope="session")
def _one_thread_at_a_time_in_the_shared_database() -> Iterator[None]:
    """The threads of the server and the test share one SQLite connection, which no product does: a thread in a function
    of Python's within a statement waits for the interpreter, while another has it and waits for the connection.
    """
    turn = threading.RLock()

    def in_turn(plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with turn:
                return plain(*args, **kwargs)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in ("execute", "executemany", "fetchone", "fetchmany", "fetchall", "__next__"):
            patch.setattr(
                SQLiteCursorWrapper, name, in_turn(getattr(SQLiteCursorWrapper, name)), raising=False
            )
        yield


@pytest.fixture(autouse=True)
def _forget_the_keys_of_other_offices() -> Iterator[None]:
    """Signers and verified texts are kept for the life of a process, and each test is another office."""
    from licenses import signers, validation

    yield
    signers.forget_signers()
    validation.forget()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def window(chromium, live_server) -> Iterator[BrowserContext]:
    """A window of 1440 pixels, on the test's own server."""
    context = chromium.new_context(
        base_url=live_server.url,
        viewport={"width": 1440, "height": 900},
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about: violations of the policy, errors of scripts, failed requests."""
    return []


@pytest.fixture
def tab(window, complaints) -> Iterator[Page]:
    """A page of the browser. The test fails when anything was complained about."""
    page = window.new_page()

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(f"{page.url}: {message.text}")

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 400 else None)
    yield page
    assert complaints == []


@pytest.fixture
def ada(make_user) -> Any:
    """A superadmin with a password."""
    user = make_user(email="ada@signet.example", is_superuser=True)
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    return user


@pytest.fixture
def sign_in(tab, ada, pass_second_factor) -> Callable[[], Page]:
    """Sign in as Ada through the form and return the page; her second factor is given behind the scenes."""

    def do() -> Page:
        tab.goto("/admin/")
        tab.get_by_label("Email").fill(ada.email)
        tab.get_by_label("Password").fill(PASSWORD)
        tab.get_by_role("button", name="Log in").click()
        tab.wait_for_url("**/admin/")
        key = next(item for item in tab.context.cookies() if item["name"] == "signet_session")["value"]
        pass_second_factor(SessionStore(key), ada)
        return tab

    return do


@pytest.fixture
def office(db, make_account) -> Any:
    """A catalogue with one plan, an account, and keys that sign; made now, by the real clock."""
    from config.kit.clock import now
    from licenses.domain.enums import Algorithm
    from licenses.services.catalogue import plan_create, product_create
    from licenses.services.keys import key_activate, key_generate

    by: dict[str, Any] = {"actor": "cli:test", "at": now()}
    product = product_create(product_key="demo", name="Demo", algorithm="EdDSA", **by)
    key_activate(key=key_generate(algorithm=Algorithm.EDDSA, **by), **by)
    make_account("Acme", kind="customer")
    return plan_create(product=product, slug="enterprise", name="Enterprise", seats=25, nodes=4, **by)


@pytest.fixture
def license_(office, make_account) -> Any:
    """A license of Globex with its first key."""
    from config.kit.clock import now
    from licenses.services.issuing import license_grant

    granted = license_grant(
        account=make_account("Globex"),
        plan=office,
        origin="staff",
        channel="admin",
        actor="cli:test",
        at=now(),
    )
    return granted.license
