"""Requests to receivers on this machine, through the very code that goes out."""

from __future__ import annotations

import socket
import threading

import pytest

from notifications.webhook_sender import KEPT_CHARACTERS, READ_BYTES, post
from tests.notifications.webhooks.conftest import accept, answer

pytestmark = pytest.mark.enable_socket

HEADERS = {"webhook-id": "1", "Content-Type": "application/json"}
BODY = b'{"type":"license.issued"}'
SOON = 0.5
"""A deadline that the tests can wait for."""


def send(url, **more):
    return post(url, HEADERS, BODY, **{"insecure": True, **more})


def names(*addresses):
    """A resolver that gives these answers, one a question, the last of them for ever."""
    left = list(addresses)

    def resolve(host, port):
        resolve.asked.append(host)
        return [left.pop(0) if len(left) > 1 else left[0]]

    resolve.asked = []
    return resolve


def test_the_body_and_the_headers_arrive_as_they_are(serve):
    """C31"""
    receiver = serve(answer(200, b"thanks"))
    got = send(receiver.url + "?a=b")
    (one,) = receiver.received
    assert (got.status, got.error, got.text) == (200, "", "thanks")
    assert (one.path, one.body, one.headers["webhook-id"]) == ("/hook?a=b", BODY, "1")


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_any_other_status_is_told_in_words(serve, status):
    got = send(serve(answer(status, Retry_After="7")).url)
    assert (got.status, got.retry_after) == (status, "7")
    assert got.error.startswith(f"Answered {status} ")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(serve, status):
    """Trust: no redirects."""
    trap = serve()
    got = send(serve(answer(status, Location=trap.url)).url)
    assert (got.status, trap.received) == (status, [])
    assert "not followed" in got.error


def test_of_a_long_answer_the_start_is_kept_and_the_rest_not_even_read(serve):
    """Trust: a receiver cannot fill our memory."""
    written = []

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 65536)  # until the other side hangs up
            written.append(65536)

    got = send(serve(endless).url)
    assert (got.status, got.text) == (200, "x" * KEPT_CHARACTERS)
    assert sum(written) < 500 * READ_BYTES


def test_a_compressed_answer_is_not_unpacked(serve):
    got = send(serve(answer(200, b"\x1f\x8b" + b"\0" * 50, Content_Encoding="gzip")).url)
    assert got.status == 200
    assert "\0" not in got.text


def test_a_receiver_that_hangs_is_given_up_at_the_deadline(serve):
    """Trust: a timeout over everything."""
    release = threading.Event()
    receiver = serve(lambda handler: release.wait(30))
    got = send(receiver.url, seconds=SOON)
    release.set()
    assert (got.status, got.error) == (None, "No complete answer within 0.5 s.")
    assert len(receiver.received) == 1


def drip(handler, head, piece):
    handler.wfile.write(head)
    gone = threading.Event()
    while not gone.wait(0.02):
        handler.wfile.write(piece)  # raises as soon as the other side has hung up


@pytest.mark.parametrize(
    ("head", "piece"),
    [(b"HTTP/1.1 200 OK\r\n\r\n", b"x"), (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"), (b"HTTP/1.1 2", b"0")],
    ids=["body", "headers", "status line"],
)
def test_an_answer_that_drips_is_given_up_at_the_deadline(serve, head, piece):
    """Trust: each byte in time does not make an answer in time."""
    got = send(serve(lambda handler: drip(handler, head, piece)).url, seconds=SOON)
    assert (got.status, got.error) == (None, "No complete answer within 0.5 s.")


def test_a_tls_handshake_that_drips_is_given_up_at_the_deadline():
    """Trust: before there is a request at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        got = send(f"https://127.0.0.1:{server.getsockname()[1]}/", seconds=SOON)
    assert (got.status, got.error) == (None, "No complete answer within 0.5 s.")


def test_nobody_there_is_told():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert send(f"http://127.0.0.1:{port}/").error == "The connection was refused."


@pytest.mark.parametrize("raw", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\0\xff"])
def test_what_is_no_http_is_a_failure_in_words(serve, raw):
    got = send(serve(lambda handler: handler.wfile.write(raw)).url)
    assert got.status is None
    assert got.error.endswith(".")


def test_an_answer_that_breaks_off_still_has_its_status(serve):
    def short(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"only this")

    got = send(serve(short).url)
    assert (got.status, got.text) == (200, "only this")


def test_the_kept_text_is_fit_for_a_database_and_a_page(serve):
    got = send(serve(answer(500, b"a\0b\x1b[31m\xff\r\n<script>")).url)
    assert "\0" not in got.text
    assert "\x1b" not in got.text
    assert "<script>" in got.text


# --- where it goes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "why"),
    [("10.0.0.7", "private"), ("169.254.169.254", "link-local"), ("::ffff:10.0.0.7", "private")],
)
def test_a_name_that_leads_into_a_private_network_gets_nothing(address, why):
    """Trust: the resolved address is judged, not the name."""
    got = send("https://hooks.example.com/", resolver=names(address), insecure=False)
    assert got.status is None
    assert got.error == f"The host name leads to an address that is {why}: nothing was sent."


def test_one_bad_address_among_good_ones_is_enough():
    got = send("https://hooks.example.com/", resolver=lambda *_: ["1.1.1.1", "10.0.0.7"], insecure=False)
    assert "private" in got.error


def test_a_name_that_changes_its_answer_is_asked_once(serve):
    """Trust: DNS rebinding. What was judged is what is connected to; the second answer is never heard."""
    good = serve()
    port = int(good.url.rsplit(":", 1)[1].partition("/")[0])
    trap = serve(host="127.0.0.2", port=port)
    resolver = names("127.0.0.1", "127.0.0.2")
    got = send(f"http://localhost:{port}/hook", resolver=resolver)
    assert (got.status, len(good.received), trap.received) == (204, 1, [])
    assert resolver.asked == ["localhost"]


def test_the_system_s_resolver_is_not_asked_again(serve, monkeypatch):
    """Trust: DNS rebinding below our own code: no library resolves the name a second time."""
    receiver = serve()
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **_: asked.append(args) or [])
    port = receiver.url.rsplit(":", 1)[1]
    got = send(f"http://localhost:{port}", resolver=names("127.0.0.1"))
    assert (got.status, asked) == (204, [])


def test_the_name_stays_in_the_host_header(serve):
    receiver = serve()
    port = receiver.url.rsplit(":", 1)[1].partition("/")[0]
    send(f"http://hooks.localhost:{port}/", resolver=names("127.0.0.1"))
    assert receiver.received[0].headers["host"] == f"hooks.localhost:{port}"


def test_the_next_address_is_tried_when_the_first_takes_no_connection(serve):
    receiver = serve()
    got = send(receiver.url.replace("127.0.0.1", "localhost"), resolver=lambda *_: ["127.0.0.3", "127.0.0.1"])
    assert got.status == 204


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), UnicodeError("label too long")])
def test_a_name_that_nobody_knows_is_told(error):
    def fail(*_):
        raise error

    assert send("https://hooks.example.com/", resolver=fail).error == "The host name cannot be resolved."


def test_a_resolver_that_hangs_is_given_up_at_the_deadline():
    release = threading.Event()
    got = send("https://hooks.example.com/", resolver=lambda *_: release.wait(30) and [], seconds=SOON)
    release.set()
    assert got.error == "The host name was not resolved in time."


def test_plain_http_and_this_machine_are_for_development_only(serve):
    """Trust: HTTPS, default off."""
    receiver = serve()
    assert send(receiver.url, insecure=False).error == "The address must begin with https://."
    assert "loopback" in send("https://hooks.example.com/", resolver=names("127.0.0.1"), insecure=False).error
    assert receiver.received == []


def test_plain_http_goes_to_this_machine_only():
    got = send("http://hooks.example.com/", resolver=names("1.1.1.1"))
    assert got.error == "Plain HTTP goes to this machine only: nothing was sent."


# --- TLS --------------------------------------------------------------------------------------------


def secure(serve, authority, name, behave=accept):
    receiver = serve(behave, tls=authority.context(name))
    return receiver, receiver.url.rsplit(":", 1)[1]


def test_the_certificate_is_checked_against_the_name_and_not_the_number(serve, authority):
    """Trust: pinned to the address, still a valid certificate for the host."""
    receiver, rest = secure(serve, authority, "hooks.example.com")
    got = send(f"https://hooks.example.com:{rest}", resolver=names("127.0.0.1"))
    assert got.status == 204
    assert receiver.received[0].headers["host"] == f"hooks.example.com:{rest.partition('/')[0]}"


def test_a_certificate_for_another_name_is_refused(serve, authority):
    """Trust: nothing is said before the certificate holds."""
    receiver, rest = secure(serve, authority, "other.example.com")
    got = send(f"https://hooks.example.com:{rest}", resolver=names("127.0.0.1"))
    assert (got.status, receiver.received) == (None, [])
    assert got.error.startswith("The certificate does not hold: ")


def test_a_certificate_of_a_stranger_is_refused(serve, authority, monkeypatch):
    receiver, rest = secure(serve, authority, "hooks.example.com")
    monkeypatch.delenv("SSL_CERT_FILE")
    got = send(f"https://hooks.example.com:{rest}", resolver=names("127.0.0.1"))
    assert (got.status, receiver.received) == (None, [])
    assert "certificate does not hold" in got.error


def test_plain_http_behind_an_https_address_is_a_failure(serve, authority):
    receiver = serve()
    got = send(receiver.url.replace("http:", "https:"))
    assert got.status is None
    assert got.error.startswith("TLS failed: ")


def test_the_port_may_be_any(serve, authority):
    """Receivers stand behind all sorts of ports; the guard is about addresses."""
    receiver, rest = secure(serve, authority, "127.0.0.1")
    assert send(f"https://127.0.0.1:{rest}").status == 204
    assert len(receiver.received) == 1


def test_broken_headers_leave_no_address_in_the_log(serve, caplog):
    """Trust: an address may be a secret of its own."""
    got = send(serve(lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\nA" * 9)).url)
    assert (got.status, caplog.text) == (200, "")


def test_errors_never_repeat_the_address(serve):
    """Trust: as above."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    got = send(f"http://127.0.0.1:{port}/services/T000/B000/hush")
    assert "hush" not in got.error
