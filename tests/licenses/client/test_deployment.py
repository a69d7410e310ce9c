"""The reference deployment: its key, its guard, and the loop with a running Signet."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from datetime import timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO, StringIO

import pytest
from django.core.management import CommandError, call_command

from config.kit.clock import now as real_now
from history.models import Event
from licenses import selectors
from licenses.domain.client.deployment import Deployment, KeyRefusedError
from licenses.domain.client.server import HeartbeatFailed, Server, fetch_keys, fetch_manifest, send_beat
from licenses.domain.manifests import ManifestError
from licenses.domain.posture import WriteRefusedError
from licenses.management.commands.client import Command
from licenses.models import Installation, InstallationSignal
from licenses.services.manifests import manifest_sign
from licenses.services.releases import release_publish, release_withdraw

DAY = timedelta(days=1)
ARTIFACT = b"the bytes of a release"
SHA256 = sha256(ARTIFACT).hexdigest()


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


class _Portal(BaseHTTPRequestHandler):
    """What stands between a deployment and its vendor in a hotel, or worse."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        getattr(self, self.server.way)()

    def do_POST(self) -> None:
        self.do_GET()

    def _say(self, body: bytes, code: int = 200, **headers: str) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def html(self) -> None:
        self._say(b"<html>Please sign in</html>")

    def empty_keys(self) -> None:
        self._say(b'{"keys": []}')

    def odd_json(self) -> None:
        self._say(b'{"node_cap": [], "messages": "none"}')

    def redirect(self) -> None:
        self.server.asked.append(self.headers.get("Authorization"))
        self._say(b"", 302, Location="/elsewhere")

    def garbage(self) -> None:
        self.wfile.write(b"\x00\x01 no HTTP at all\r\n\r\n")

    def cut(self) -> None:
        self._say(b"{", 200, **{"Content-Length": "500"})

    def silent(self) -> None:
        self.server.asked.append(self.path)
        self.server.released.wait(10)
        self._say(b"{}")

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def portal():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Portal)
    server.asked, server.released, server.way = [], threading.Event(), "html"
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


@pytest.mark.enable_socket
@pytest.mark.django_db
class TestPortal:
    @pytest.mark.parametrize("way", ["html", "empty_keys", "odd_json", "redirect", "garbage", "cut"])
    def test_what_answers_in_the_vendor_s_stead_changes_nothing(self, deployment, granted, portal, way, at):
        """A17: keys, signals and writes stay as they are, and what happened is one kind of failure."""
        portal.way = way
        deployment.replace(granted.issued.text, at)
        before = (deployment.folder / "jwks.json").read_bytes()
        for ask in (fetch_keys, send_beat):
            with pytest.raises(HeartbeatFailed):
                ask(deployment, portal.url)
        assert (deployment.folder / "jwks.json").read_bytes() == before
        assert deployment.beat()["signals"]
        deployment.guard_write(at)

    def test_the_key_is_led_nowhere_else(self, deployment, granted, portal, at):
        portal.way = "redirect"
        deployment.replace(granted.issued.text, at)
        with pytest.raises(HeartbeatFailed, match="302"):
            send_beat(deployment, portal.url)
        assert len(portal.asked) == 1

    def test_the_page_answers_while_the_vendor_is_waited_for(self, deployment, granted, portal, at):
        """A12."""
        portal.way = "silent"
        deployment.replace(granted.issued.text, at)
        server = Server(deployment, lambda: at)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        beating = threading.Thread(
            target=lambda: Command(stdout=StringIO(), stderr=StringIO())._beat(
                deployment, portal.url, server.lock
            ),
        )
        beating.start()
        try:
            while not portal.asked:
                time.sleep(0.01)
            page = urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/license", timeout=5)
            assert b"The license is valid." in page.read()
            assert not portal.released.is_set()
        finally:
            portal.released.set()
            beating.join()
            server.shutdown()
            server.server_close()

    def test_the_page_shows_messages_and_says_why_a_key_is_none(self, deployment, granted, at):
        """A11, A12: in words, not as JSON."""
        deployment.replace(granted.issued.text, at)
        said = {"level": "warning", "text": "Please <b>call</b> us."}
        deployment.told(deployment.beat(), {"messages": [said], "next_beat_seconds": 3600})
        assert deployment.next_beat_seconds == 3600
        server = Server(deployment, lambda: at)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/license"
        try:
            assert "Please &lt;b&gt;call&lt;/b&gt; us." in read(url)
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(url, data=b"key=nonsense")
            text = caught.value.read().decode()
            assert (caught.value.code, caught.value.headers["Content-Type"][:9]) == (400, "text/html")
            assert "This key was not taken" in text
            assert "The license is valid." in text
        finally:
            server.shutdown()
            server.server_close()


@pytest.mark.enable_socket
@pytest.mark.django_db(transaction=True)
class TestUpdates:
    @pytest.fixture
    def publish(self, product, at):
        def make(version: str, **fields):
            given = {"version": version, "artifact": "demo", "sha256": SHA256, "size_bytes": len(ARTIFACT)}
            return release_publish(product=product, **{**given, **fields}, actor="cli:test", at=at)

        return make

    @pytest.mark.parametrize("format_", ["jwt", "lic1"])
    def test_a_manifest_is_fetched_kept_and_verified_offline(
        self, deployment, make_license, issue, publish, live_server, at, format_
    ):
        """E32: and it is for this license and no other."""
        publish("1.1.0")
        license_ = make_license()
        deployment.replace(issue(license_, format=format_).text, at)
        fetch_keys(deployment, live_server.url)
        real = real_now()
        assert fetch_manifest(deployment, live_server.url, real).update_for("v1.0.0").version == "1.1.0"
        assert fetch_manifest(deployment, live_server.url, real).license_id == license_.public_id  # 304
        again = Deployment(deployment.folder, issuer="signet", audience="demo")
        kept = again.manifest(real)
        assert (
            kept.update_for("1.1.0") is kept.update_for("2.0.0") is kept.update_for("1.0.0", "beta") is None
        )
        assert kept.newest["stable"].matches(BytesIO(ARTIFACT))
        assert not kept.newest["stable"].matches(BytesIO(ARTIFACT + b"!"))
        with pytest.raises(ManifestError) as caught:
            again.manifest(real + 2 * DAY)
        assert caught.value.reason == "manifest_expired"
        again.replace(issue(make_license(), format=format_).text, at)
        with pytest.raises(ManifestError) as caught:
            again.manifest(real)
        assert caught.value.reason == "other_license"

    def test_a_manifest_that_was_changed_or_is_older_is_not_taken(self, deployment, granted, publish, at):
        """E32: an old one would hide that a version was withdrawn."""
        deployment.replace(granted.issued.text, at)
        release = publish("1.0.0")
        old = manifest_sign(license_pk=granted.license.pk, at=at).text
        release_withdraw(release=release, reason="Loses data.", actor="cli:test", at=at)
        new = manifest_sign(license_pk=granted.license.pk, at=at + timedelta(hours=1)).text
        told = deployment.take_manifest(new, "", at + timedelta(hours=1))
        assert (told.newest, told.withdrawn[0].version) == ({}, "1.0.0")
        head, body, signature = new.split(".")
        for text, reason in (
            (old, "manifest_superseded"),
            (f"{head}.{old.split('.')[1]}.{signature}", "signature_invalid"),
            (f"{head}.{body}.{signature[:-4]}AAAA", "signature_invalid"),
        ):
            with pytest.raises(ManifestError) as caught:
                deployment.take_manifest(text, "", at + timedelta(hours=2))
            assert caught.value.reason == reason
        assert deployment.manifest(at + timedelta(hours=2)).releases == ()

    def test_the_command_prints_what_may_be_installed(self, granted, publish, live_server, tmp_path):
        """E32: and, without the vendor, what the kept manifest says."""
        publish("1.1.0")
        publish("2.0.0", entitlement="ai")
        key, download = tmp_path / "key.lic", tmp_path / "demo.bin"
        key.write_text(granted.issued.text)
        download.write_bytes(ARTIFACT)
        for url in (live_server.url, "http://127.0.0.1:9"):
            out = StringIO()
            call_command(
                "client", "--updates", "--url", url, "--folder", tmp_path / "c", "--key", key, "--check", download,
                stdout=out, stderr=StringIO(),
            )  # fmt: skip
            assert f"stable: 1.1.0 (update) demo sha256:{SHA256}" in out.getvalue()
            assert "withheld: 2.0.0 (entitlement_missing)" in out.getvalue()
        download.write_bytes(b"something else")
        with pytest.raises(CommandError, match="is no artifact"):
            call_command(
                "client", "--updates", "--folder", tmp_path / "c", "--check", download, "--url", url,
                stdout=StringIO(), stderr=StringIO(),
            )  # fmt: skip


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
