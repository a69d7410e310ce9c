"""The standing cast, a fixed instant, and a caller of the API that checks every refusal's shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client, TransactionTestCase

from config.kit import clock as clocks
from history.services import recording
from tests.stripe_double.fixtures import stripe, stripe_address

__all__ = ["stripe", "stripe_address"]  # fixtures for whoever asks for them

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ONCE = {
    "test_role_matrix.py", "test_palette.py", "test_static_files.py", "test_containers.py", "test_up.py",
    "test_api_documents.py", "test_conf.py", "test_navigation.py",
}  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--storm", default="30x4", metavar="PURCHASESxDELIVERIES", help="size of the storm of webhooks"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only PostgreSQL can prove while the suite runs on another database.

    What no other database could change is marked `once`: rules of domains, how the house is built, who may
    open which page, and what is configured, served or written about it.
    """
    for item in items:
        if {"domain", "architecture"} & set(item.path.parts) or item.path.name in ONCE:
            item.add_marker("once")
    if connection.vendor == "postgresql":
        return
    out = [item for item in items if item.get_closest_marker("postgres")]
    items[:] = [item for item in items if not item.get_closest_marker("postgres")]
    config.hook.pytest_deselected(items=out)


@pytest.fixture(autouse=True, scope="session")
def _flush_append_only_tables() -> Iterator[None]:
    """Tests that commit empty the database afterwards, which the append-only triggers would refuse."""
    from history.triggers import without_protection

    flush = TransactionTestCase._fixture_teardown

    def teardown(case: TransactionTestCase) -> None:
        with without_protection(connection):
            flush(case)

    TransactionTestCase._fixture_teardown = teardown
    yield
    TransactionTestCase._fixture_teardown = flush


@pytest.fixture(autouse=True, scope="session")
def _changes_open_their_own_transaction() -> Iterator[None]:
    """The transaction around a test is none of the product's: what records an event must open one itself."""

    def demand() -> None:
        if all(block._from_testcase for block in connection.atomic_blocks):
            raise recording.InvalidEvent("An event is recorded in the transaction of the change it tells of.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "_demand_transaction", demand)
        yield


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """Rate limits are counted in the cache."""
    cache.clear()


@pytest.fixture(autouse=True)
def _covered(request) -> Iterator[None]:
    """Our own license covers whatever a test makes, unless it is about that: `pytest.mark.own_license`."""
    if request.node.get_closest_marker("own_license"):
        yield
        return
    from licenses.domain.tier_caps import CAPS

    with _standing(*(rule.entitlement for rule in CAPS.values())):
        yield


@pytest.fixture
def own_license_grants() -> Iterator[Callable[..., None]]:
    """Return what makes our own license grant exactly this from now on: `own_license_grants("crm")`."""
    with ExitStack() as stack:
        yield lambda *slugs: stack.enter_context(_standing(*slugs))


@pytest.fixture
def crm_shown(db, own_license_grants, at):
    """The section is switched on, so that its pages are there for who may see them; nothing where it is left out."""
    if not apps.is_installed("crm"):
        return
    from crm.services.section import section_activate
    from licenses.domain.tier_caps import CAPS

    own_license_grants("crm", *(rule.entitlement for rule in CAPS.values()))
    section_activate(actor="cli:test", at=at)


@contextmanager
def _standing(*slugs: str) -> Iterator[None]:
    from licenses.domain.own_license import GuardState, Standing
    from licenses.gates import standing_register

    standing = Standing(GuardState.VALID, "", granted=dict.fromkeys(slugs, True))
    undo = standing_register(lambda _at: standing)
    try:
        yield
    finally:
        undo()


@pytest.fixture
def at() -> datetime:
    """A Monday in March, 09:30 UTC."""
    return AT


@pytest.fixture
def clock(at) -> Iterator[clocks.FrozenClock]:
    """The clock of this thread, standing at `at` until it is moved. Other threads see the real time."""
    with clocks.frozen(at) as frozen:
        yield frozen


# --- people ---------------------------------------------------------------------------------------


@pytest.fixture
def make_user(db, at):
    """Return a maker of staff: `make_user("issuer")` holds that role."""
    from accounts.services.users import user_create

    def make(*roles: str, email: str = "", is_superuser: bool = False):
        name = "-".join(roles).replace(" ", "-") or "nobody"
        return user_create(
            email=email or f"{name}@signet.example",
            name=name,
            roles=roles,
            is_superuser=is_superuser,
            actor="cli:test",
            at=at,
        )

    return make


@pytest.fixture
def superadmin(make_user):
    return make_user(email="superadmin@signet.example", is_superuser=True)


@pytest.fixture
def license_manager(make_user):
    return make_user("license manager")


@pytest.fixture
def issuer(make_user):
    return make_user("issuer")


@pytest.fixture
def auditor(make_user):
    return make_user("auditor")


@pytest.fixture
def signed_in(pass_second_factor):
    """Return a maker of browsers: `signed_in(user)` is a Django test client with that session.

    The user has an authenticator app and gave its code a moment ago, unless `second_factor=False`.
    """

    def make(user, *, second_factor: bool = True) -> Client:
        browser = Client()
        browser.force_login(user)
        if second_factor:
            pass_second_factor(browser.session, user)
        return browser

    return make


@pytest.fixture
def app_secret() -> bytes:
    """What the authenticator apps of the cast hold: the secret of RFC 4226, appendix D."""
    return b"12345678901234567890"


@pytest.fixture
def pass_second_factor(app_secret):
    """Return what sets a user's app up and lets a session have given its code this moment."""
    from accounts.models import SecondFactor
    from accounts.second_factor import remember
    from config.kit.sealing import seal

    def give(session, user) -> None:
        given = {"secret_sealed": seal(app_secret), "last_step": 0}
        factor, _ = SecondFactor.objects.get_or_create(user=user, defaults=given)
        remember(session, factor, clocks.now())
        session.save()

    return give


# --- accounts -------------------------------------------------------------------------------------


@pytest.fixture
def make_account(db, at):
    """Return a maker of accounts: `make_account("Acme", kind="customer")`."""
    from accounts.services.accounts import account_create

    def make(name: str = "Acme", **fields: Any):
        return account_create(name=name, **{"actor": "cli:test", "at": at, **fields})

    return make


@pytest.fixture
def customer(make_account):
    return make_account("Acme", kind="customer", domain="acme.example")


@pytest.fixture
def prospect(make_account):
    return make_account("Globex", kind="prospect")


# --- callers of the API ---------------------------------------------------------------------------


class Api:
    """Speaks JSON with a bearer token; every answer of 400 and above must be a problem document."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.client = Client(raise_request_exception=False)

    def as_(self, token: str) -> Api:
        return Api(token)

    def get(self, path: str, **query: Any):
        return self._send("get", path, query)

    def post(self, path: str, body: Any = None, *, key: str | None = None, **headers: str):
        if key is not None:
            headers["Idempotency-Key"] = key
        return self._send("post", path, {} if body is None else body, headers)

    def patch(self, path: str, body: Any, **headers: str):
        return self._send("patch", path, body, headers)

    def _send(self, method: str, path: str, data: Any, headers: dict[str, str] | None = None):
        headers = {**(headers or {}), **({"Authorization": f"Bearer {self.token}"} if self.token else {})}
        more = {} if method == "get" else {"content_type": "application/json"}
        response = getattr(self.client, method)(path, data, headers=headers, **more)
        if response.status_code >= 400:
            check_problem(response)
        return response


def check_problem(response) -> None:
    """RFC 9457, with the members that every problem of ours has."""
    assert response.headers["Content-Type"] == "application/problem+json", response.content
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["type"] == f"urn:signet:problem:{problem['code']}"
    assert problem["title"]


@pytest.fixture
def make_key(db, at):
    """Return a maker of API tokens: `make_key("read-only")`, `make_key("support", account=acme)`."""
    from accounts.services.api_keys import api_key_create

    def make(role: str = "full-admin", **fields: Any) -> str:
        return api_key_create(name=role, role=role, **{"actor": "cli:test", "at": at, **fields})[1]

    return make


@pytest.fixture
def internal_token():
    """Return a maker of internal JWTs (E28), valid now for five minutes."""

    def make(*, secret: str = "", **claims: Any) -> str:
        now = int(clocks.now().timestamp())
        auth = settings.INTERNAL_AUTH
        body = {
            "iss": auth["issuer"],
            "aud": auth["audience"],
            "sub": "dashboard",
            "iat": now,
            "exp": now + 300,
        }
        body = {name: value for name, value in {**body, **claims}.items() if value is not None}
        return jwt.encode(body, secret or auth["secret"], algorithm="HS256")

    return make


@pytest.fixture
def api(db) -> Api:
    """A stranger to the API; `api.as_(token)` is somebody."""
    return Api()


@pytest.fixture
def storefront(api, make_key) -> Api:
    """A storefront's key: it issues and renews licenses."""
    return api.as_(make_key("license-issuer"))


@pytest.fixture
def back_office(api, make_key) -> Api:
    """A key that may do all that a key can."""
    return api.as_(make_key("full-admin"))


@pytest.fixture
def viewer(api, make_key) -> Api:
    """A read-only key."""
    return api.as_(make_key("read-only"))


@pytest.fixture
def sysadmin(api, internal_token) -> Api:
    """The dashboard, speaking for a superadmin."""
    return api.as_(internal_token(roles=["sysadmin"]))


# --- our own license ------------------------------------------------------------------------------


@pytest.fixture
def own_office(db, at):
    """This installation as its own master: the product of Signet, its plans, and a key that signs for it."""
    from licenses.domain.enums import Algorithm
    from licenses.services.catalogue import product_update
    from licenses.services.keys import key_activate, key_generate
    from licenses.services.own_master import master_prepare

    by = {"actor": "cli:test", "at": at}
    product = master_prepare(**by).product
    product_update(product=product, algorithm=Algorithm.EDDSA, **by)
    key_activate(key=key_generate(algorithm=Algorithm.EDDSA, product=product, **by), force=True, **by)
    product.refresh_from_db()
    return product


@pytest.fixture
def own_key(own_office, at):
    """Return a maker of keys for this installation: `own_key("patron")` gives license and text."""
    from accounts.models import Account
    from licenses.services.issuing import license_grant

    account = Account.objects.get(slug="this-installation")

    def make(plan: str = "pro", **terms: Any):
        granted = license_grant(
            account=account, plan=own_office.plans.get(slug=plan), terms=terms, origin="staff", channel="cli",
            actor="cli:test", at=at,
        )  # fmt: skip
        return granted.license, granted.issued.text

    return make


@pytest.fixture
def own_pro(own_key, at):
    """The license of Pro that this installation runs under. For tests marked `own_license`."""
    from licenses.services.selflicense import selflicense_activate

    row, text = own_key()
    selflicense_activate(text=text, actor="cli:test", at=at)
    return row
