"""The reference deployment: its key, its guard, and the loop with a running Signet."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from history.models import Event
from licenses import selectors
from licenses.domain.client.deployment import Deployment, KeyRefusedError
from licenses.domain.client.server import HeartbeatFailed, Server, fetch_keys, send_beat
from licenses.domain.posture import WriteRefusedError
from licenses.models import Installation, InstallationSignal

DAY = timedelta(days=1)


@pytest.fixture
def deployment(signing, tmp_path):
    made = Deployment(tmp_path / "client", issuer="signet", audience="demo", nodes=2)
    (made.folder / "jwks.json").write_text(json.dumps(selectors.jwks()))
    return made


@pytest.mark.django_db
class TestKey:
    def test_an_enterprise_deployment_demands_a_key(self, deployment, at):
        """A7: before protected use."""
        assert deployment.status(at).license_required
        with pytest.raises(WriteRefusedError) as caught:
            deployment.guard_write(at)
        assert caught.value.reason == "license_required"

    def test_a_pasted_key_opens_it_and_is_kept(self, deployment, granted, at):
        deployment.replace(f"\n {granted.issued.text} \n", at)
        deployment.guard_write(at)
        again = Deployment(deployment.folder, issuer="signet", audience="demo")
        assert again.status(at).state == "valid"

    def test_a_key_that_does_not_hold_changes_nothing(self, deployment, granted, at):
        """A11."""
        deployment.replace(granted.issued.text, at)
        with pytest.raises(KeyRefusedError, match="signature_invalid"):
            deployment.replace(granted.issued.text[:-4] + "AAAA", at)
        assert deployment.status(at).state == "valid"

    def test_writes_stop_after_grace_and_replacing_is_always_allowed(
        self, deployment, granted, make_license, issue, at
    ):
        """A9, A10."""
        deployment.replace(granted.issued.text, at)
        end = granted.license.expires_at
        deployment.guard_write(end + 13 * DAY)
        with pytest.raises(WriteRefusedError) as caught:
            deployment.guard_write(end + 14 * DAY)
        assert caught.value.reason == "license_read_only"
        renewed = make_license(expires_at=end + 400 * DAY)
        deployment.replace(issue(renewed).text, end + 14 * DAY)
        deployment.guard_write(end + 14 * DAY)

    def test_what_happened_waits_to_be_told(self, deployment, granted, at):
        """A13."""
        with pytest.raises(WriteRefusedError):
            deployment.guard_write(at)
        deployment.status(at)
        deployment.replace(granted.issued.text, at)
        told = [signal["type"] for signal in deployment.beat()["signals"]]
        assert told == ["denied", "granted", "posture_changed"]


@pytest.mark.enable_socket
@pytest.mark.django_db(transaction=True)
class TestLoop:
    def test_keys_are_fetched_and_beats_are_heard(self, deployment, granted, live_server, at):
        """A17: against a running Signet, over HTTP."""
        fetch_keys(deployment, live_server.url)
        deployment.replace(granted.issued.text, at)
        told = send_beat(deployment, live_server.url)
        assert told["node_cap"] == {"cap": 4, "nodes": 2, "state": "within"}
        assert Installation.objects.get().nodes == 2
        assert InstallationSignal.objects.get().type == "granted"
        assert deployment.beat()["signals"] == []
        assert Event.objects.filter(kind="installation.seen_first").exists()

    def test_a_vendor_that_is_gone_stops_nothing(self, deployment, granted, at):
        deployment.replace(granted.issued.text, at)
        with pytest.raises(HeartbeatFailed):
            send_beat(deployment, "http://127.0.0.1:9")
        assert deployment.beat()["signals"]
        deployment.guard_write(at)

    def test_the_command_beats_once(self, granted, live_server, tmp_path):
        key = tmp_path / "key.lic"
        key.write_text(granted.issued.text)
        out = StringIO()
        call_command(
            "client", "--once", "--url", live_server.url, "--folder", tmp_path / "c", "--key", key, stdout=out,
        )  # fmt: skip
        assert "Heartbeat: node cap within" in out.getvalue()
        assert Installation.objects.count() == 1

    def test_the_page_replaces_a_key_and_the_guard_follows(self, deployment, granted, at):
        """A12, A10: a test application uses the guard for real."""
        server = Server(deployment, lambda: at)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        try:
            assert call(f"{base}/items", b"one") == (403, "license_required")
            assert call(f"{base}/license", b"nonsense")[0] == 400
            assert call(f"{base}/license", granted.issued.text.encode())[0] == 200
            assert call(f"{base}/items", b"one")[0] == 201
            assert json.loads(read(f"{base}/license.json"))["state"] == "valid"
            assert "The license is valid." in read(f"{base}/license")
            assert json.loads(read(f"{base}/items")) == {"items": ["one"]}
        finally:
            server.shutdown()
            server.server_close()


def call(url: str, body: bytes) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, data=body, headers={"Content-Type": "text/plain"})
        ) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())["code"]


def read(url: str) -> str:
    with urllib.request.urlopen(url) as answer:
        return answer.read().decode()
