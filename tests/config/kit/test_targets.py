"""Where a webhook may go, and where it never goes."""

from __future__ import annotations

import ipaddress
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.kit.targets import (
    SPECIAL,
    Target,
    UnfitUrlError,
    address_refusal,
    is_loopback,
    target_parse,
)

FORBIDDEN = {
    "0.0.0.0": "unspecified",
    "10.1.2.3": "private",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.168.1.1": "private",
    "100.64.0.1": "shared by a carrier",
    "100.100.100.200": "shared by a carrier",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "169.254.169.254": "link-local",
    "168.63.129.16": "a cloud's own service",
    "192.0.0.192": "reserved",
    "198.19.0.1": "for benchmarks",
    "224.0.0.1": "multicast",
    "255.255.255.255": "reserved",
    "::": "unspecified",
    "::1": "loopback",
    "::ffff:10.0.0.1": "private",
    "::ffff:169.254.169.254": "link-local",
    "::ffff:7f00:1": "loopback",
    "64:ff9b::a9fe:a9fe": "link-local",
    "64:ff9b::10.0.0.1": "private",
    "64:ff9b:1::1": "reserved",
    "::10.0.0.1": "reserved",
    "2002:a00:1::1": "6to4",
    "2001::1": "reserved",
    "2001:db8::1": "for documentation",
    "fd00:ec2::254": "private",
    "fe80::1": "link-local",
    "fec0::1": "reserved",
    "ff02::1": "multicast",
    "100::1": "reserved",
    "4000::1": "reserved",
    "fe80::1%eth0": "link-local",
    "example.com": "no address",
    "": "no address",
}
PUBLIC = ["1.1.1.1", "93.184.215.14", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "2606:4700::1111",
          "2a00:1450:4001::1", "64:ff9b::101:101", "::ffff:1.1.1.1"]  # fmt: skip


@pytest.mark.parametrize(("address", "why"), FORBIDDEN.items())
def test_an_address_that_is_not_public_is_refused_with_its_reason(address, why):
    """Trust: private, loopback, link-local, multicast, carrier-grade NAT, and every disguise of them."""
    assert address_refusal(address) == why


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_sent_to(address):
    assert address_refusal(address) is None


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_nothing_that_the_standard_library_calls_private_gets_through(address):
    """Trust: a second opinion."""
    is_nat64 = address in ipaddress.ip_network("64:ff9b::/96") if address.version == 6 else False
    if address_refusal(str(address)) is None and not is_nat64:
        inner = getattr(address, "ipv4_mapped", None) or address
        assert inner.is_global
        assert not inner.is_multicast
        assert not inner.is_reserved


@pytest.mark.parametrize(("network", "why"), SPECIAL)
def test_the_first_and_the_last_address_of_every_special_network_are_refused(network, why):
    assert address_refusal(str(network[0])) is not None
    assert address_refusal(str(network[-1])) is not None


def test_loopback_is_open_in_development_and_nothing_else_is():
    assert address_refusal("127.0.0.1", insecure=True) is None
    assert address_refusal("::1", insecure=True) is None
    assert address_refusal("10.0.0.1", insecure=True) == "private"
    assert address_refusal("169.254.169.254", insecure=True) == "link-local"


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("https://Example.com", Target("https", "example.com", 443, "/"), "example.com"),
        ("https://example.com:8443/a?b=c", Target("https", "example.com", 8443, "/a?b=c"), "example.com:8443"),
        ("https://1.1.1.1/x", Target("https", "1.1.1.1", 443, "/x"), "1.1.1.1"),
        ("https://[2606:4700::1111]/", Target("https", "2606:4700::1111", 443, "/"), "[2606:4700::1111]"),
        ("https://hooks.example.com?x", Target("https", "hooks.example.com", 443, "/?x"), "hooks.example.com"),
    ],
)  # fmt: skip
def test_an_address_is_taken_apart(url, target, authority):
    assert target_parse(url) == target
    assert target.authority == authority


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "bad_url"),
        ("example.com/hook", "not_https"),
        ("http://example.com/", "not_https"),
        ("ftp://example.com/", "not_https"),
        ("file:///etc/passwd", "not_https"),
        ("https:///path", "bad_url"),
        ("https://user:secret@example.com/", "has_userinfo"),
        ("https://@example.com/", "has_userinfo"),
        ("https://example.com/#part", "has_fragment"),
        ("https://example.com:0/", "bad_port"),
        ("https://example.com:65536/", "bad_url"),
        ("https://example.com:x/", "bad_url"),
        ("https://exa mple.com/", "bad_url"),
        ("https://example.com/\r\nHost: other", "bad_url"),
        ("https://example.com\\@10.0.0.1/", "bad_url"),
        ("https://exämple.com/", "bad_url"),
        ("https://example.com%2f@10.0.0.1", "has_userinfo"),
        ("https://[::1]/", "forbidden_address"),
        ("https://[::1", "bad_url"),
        ("https://127.0.0.1/", "forbidden_address"),
        ("https://169.254.169.254/latest/meta-data", "forbidden_address"),
        ("https://2130706433/", "forbidden_address"),
        ("https://0177.0.0.1/", "forbidden_address"),
        ("https://localhost/", "forbidden_address"),
        ("https://LOCALHOST./", "forbidden_address"),
        ("https://metadata.google.internal/", "forbidden_address"),
        ("https://example.com/" + "a" * 500, "url_too_long"),
    ],
)
def test_what_is_no_address_to_send_to_is_refused_by_name(url, code):
    """Trust: HTTPS, no user name, no local target; refused before anything is resolved."""
    with pytest.raises(UnfitUrlError) as caught:
        target_parse(url)
    assert caught.value.code == code
    assert "secret" not in caught.value.detail


def test_development_allows_plain_http_and_localhost():
    assert target_parse("http://localhost:8000/x", insecure=True).authority == "localhost:8000"
    assert target_parse("http://127.0.0.1:8000", insecure=True).port == 8000
    with pytest.raises(UnfitUrlError):
        target_parse("http://10.0.0.1/", insecure=True)


@given(st.text(max_size=80))
def test_no_text_breaks_the_parser(text):
    with suppress(UnfitUrlError):
        target_parse(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("127.0.0.1", True), ("::ffff:127.0.0.1", True), ("1.1.1.1", False), ("x", False)]
)
def test_loopback_is_known(text, expected):
    assert is_loopback(text) is expected
