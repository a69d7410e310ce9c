"""A master and a customer on one machine, each with a PostgreSQL of its own: issued, activated, narrowed, the master
down and back, revoked, issued anew. The customer is this process; the master is another one, spoken to by HTTP.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings as product_settings
from django.db import connection

from config.kit.clock import now
from licenses import gates
from licenses.domain.own_license import GuardState
from licenses.models import SelfLicense
from licenses.services.catalogue import product_create
from licenses.services.selflicense import LicenseInvalid, selflicense_activate, selflicense_refresh

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.stress,
    pytest.mark.own_license,
    pytest.mark.enable_socket,
    pytest.mark.django_db(transaction=True),
]
PROJECT = Path(__file__).parents[2]
BY = {"actor": "cli:test"}


class Master:
    """Another Signet, with its own database, data folder and port."""

    def __init__(self, folder, database, token):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url, self.token, self.process = f"http://127.0.0.1:{self.port}", token, None
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("SIGNET_")},
            "DJANGO_SETTINGS_MODULE": "config.settings", "SIGNET_DATA": str(folder), "SIGNET_DATABASE_URL": database,
            "SIGNET_PORT": str(self.port), "SIGNET_LOG_LEVEL": "ERROR",
            "SIGNET_INTERNAL_AUTH_SECRET": product_settings.INTERNAL_AUTH["secret"],
        }  # fmt: skip

    def manage(self, *words):
        subprocess.run(
            [sys.executable, "manage.py", *words], cwd=PROJECT, env=self.environment, check=True,
            capture_output=True, timeout=120,
        )  # fmt: skip

    def start(self):
        words = [sys.executable, "manage.py", "serve", "--port", str(self.port)]
        self.process = subprocess.Popen(words, cwd=PROJECT, env=self.environment, stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                return self.call("/.well-known/jwks.json")
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the master does not start")

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)
            self.process = None

    def call(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("Authorization", f"Bearer {self.token()}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def issue(self):
        body = {"account": "this-installation", "product_key": "signet", "plan": "pro"}
        made = self.call("/api/v1/licenses", body)
        return made["license"]["id"], made["text"]


@pytest.fixture
def master(tmp_path, internal_token):
    """A master that has the plans of Signet, running."""
    place = connection.settings_dict
    name = f"{place['NAME']}_master"
    who = f"{quote(place['USER'] or 'root')}:{quote(place['PASSWORD'] or '')}"
    server = f"{who}@{place['HOST']}:{place['PORT'] or 5432}"
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{name}"')
    other = Master(tmp_path, f"postgres://{server}/{name}", lambda: internal_token(roles=["sysadmin"]))
    try:
        other.manage("bootstrap", "--no-demo")
        other.manage("selflicense", "bootstrap")
        yield other
    finally:
        other.stop()
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def test_a_license_from_another_signet_through_its_whole_life(master, settings):
    """C1, C4, C5, C6, C8, C9, E27."""
    keys = master.start()
    settings.SELF_LICENSE_MASTER_URL = master.url
    settings.SELF_LICENSE_TRUST_ROOT = json.dumps(keys)

    def refresh():
        row = selflicense_refresh(at=now(), **BY)
        return row.outcome, gates.standing_now()

    # issued there, activated here
    license_id, text = master.issue()
    with pytest.raises(LicenseInvalid):
        selflicense_activate(text=text[:-8] + "AAAAAAAA", at=now(), **BY)
    row = selflicense_activate(text=text, at=now(), **BY)
    assert (row.public_id, row.outcome) == (license_id, "live")
    assert gates.entitlement_held("crm")

    # narrowed there: the gate closes here with the next refresh, without a new key
    kept = {slug: value for slug, value in row.signed.items() if slug != "crm"}
    master.call(f"/api/v1/licenses/{license_id}", {"entitlements": {**kept, "patron": True}}, "PATCH")
    outcome, standing = refresh()
    assert (outcome, standing.holds("crm"), standing.holds("patron")) == ("live", False, False)
    assert standing.holds("unlimited_products")

    # down for a day, and for longer: what was known stays
    master.stop()
    outcome, standing = refresh()
    assert (outcome, dict(standing.granted)) == ("unreachable", kept)
    assert gates.standing_now(now() + timedelta(days=1)).guard is GuardState.VALID
    late = gates.standing_now(now() + timedelta(days=30))
    assert (late.guard, late.reason, dict(late.granted)) == (GuardState.GRACE, "master_silent", kept)

    # back, and revoked there: nothing is granted here, and the catalogue is shut
    master.start()
    assert refresh()[0] == "live"
    master.call(f"/api/v1/licenses/{license_id}/revoke", {"reason": "unpaid"})
    outcome, standing = refresh()
    assert (outcome, standing.guard, dict(standing.granted)) == ("revoked", GuardState.INVALID, {})
    with pytest.raises(gates.CatalogueGuarded):
        product_create(product_key="p", name="P", at=now(), **BY)

    # issued anew and activated: open again
    selflicense_activate(text=master.issue()[1], at=now(), **BY)
    assert gates.entitlement_held("crm")
    assert SelfLicense.objects.count() == 1
