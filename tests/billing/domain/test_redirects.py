"""Where a buyer may be sent back to."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from billing.domain.redirects import RedirectRule, is_host, redirect_problem

HOSTS = ("shop.example.com", "pay.example.com:8443", "localhost:3000", "127.0.0.1", "[::1]:8000")
PIECES = (
    "https", "http", ":", "/", "//", "\\", "@", "?", "#", "\t", "\n", " ", "\x00", "%2e", "%40", ".", "evil.example",
    "shop.example.com", "localhost:3000", "[::1]", "443", "\u3002", "\uff0f", "javascript:", "&",
    "{CHECKOUT_SESSION_ID}",
)  # fmt: skip


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.com",
        "https://shop.example.com/",
        "HTTPS://Shop.Example.COM/thanks",
        "https://shop.example.com:443/thanks",
        "https://shop.example.com/thanks?session={CHECKOUT_SESSION_ID}&a=b#top",
        "https://shop.example.com?back=https://evil.example/@",
        "https://pay.example.com:8443/x",
        "http://localhost:3000/thanks",
        "https://localhost:3000",
        "http://127.0.0.1/x",
        "http://[::1]:8000/x",
    ],
)
def test_an_address_on_an_allowed_host_is_taken(url):
    """E14."""
    assert redirect_problem(url, HOSTS) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/thanks",
        "//shop.example.com/thanks",
        "///shop.example.com",
        "https:/shop.example.com",
        "https:shop.example.com",
        "https:///shop.example.com",
        "https:\\\\shop.example.com",
        "https://shop.example.com\\@evil.example",
        "https://evil.example\\.shop.example.com",
        "https://shop.example.com\\.evil.example/",
        "https://shop.example.com@evil.example",
        "https://user:secret@shop.example.com/",
        "https://@shop.example.com/",
        "https://shop.example.com%40evil.example/",
        "https://shop%2eexample.com/",
        "https://shop.example.com\t.evil.example",
        "https://shop.example.com\n/",
        " https://shop.example.com",
        "https://shop.example.com ",
        "https://shop.example.com/a b",
        "https://shop.example.com/\x00",
        "https://shop.example.com/\x7f",
        "https://shop\u3002example\u3002com/",
        "https://shop.ex\u00e4mple.com/",
        "https://\uff53hop.example.com/",
        "https://shop.example.com:/",
        "https://shop.example.com:0443/",
        "https://shop.example.com:99999/",
        "https://shop.example.com:443:443/",
        "https://shop..example.com/",
        "https://[::1/",
        "java\tscript:alert(1)",
        "javascript:alert(1)//https://shop.example.com",
        "data:text/html,https://shop.example.com",
        "ftp://shop.example.com/",
        "https://shop.example.com/" + "a" * 2000,
    ],
)
def test_what_a_browser_would_have_to_mend_is_unreadable(url):
    """E14: backslashes, names before an @, control characters, escapes in a host, no scheme."""
    assert redirect_problem(url, HOSTS) is RedirectRule.UNREADABLE


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "https://evil.shop.example.com/",
        "https://shop.example.com.evil.example/",
        "https://notshop.example.com/",
        "https://shop.example.com:8443/",
        "https://pay.example.com/",
        "https://localhost/",
        "http://localhost:3001/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://evil.example?https://shop.example.com",
        "https://evil.example#@shop.example.com",
    ],
)
def test_a_host_that_is_not_listed_exactly_is_refused(url):
    assert redirect_problem(url, HOSTS) is RedirectRule.HOST_NOT_ALLOWED


def test_a_host_elsewhere_needs_https():
    assert redirect_problem("http://shop.example.com/", HOSTS) is RedirectRule.NOT_HTTPS


@pytest.mark.parametrize(
    "entry", ["", "https://shop.example.com", "shop.example.com/", "*", "a b", "Shop.example.com", "a:0"]
)
def test_only_hosts_stand_in_the_list(entry):
    assert not is_host(entry)
    assert redirect_problem("https://shop.example.com/", [entry]) == (
        None if entry == "Shop.example.com" else RedirectRule.HOST_NOT_ALLOWED
    )


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=12).map("".join)))
@example("https://shop.example.com/")
def test_what_is_taken_has_one_reading(url):
    """Whatever is taken: no character that is mended, and the host is a listed one for other readers, too."""
    if redirect_problem(url, HOSTS) is not None:
        return
    parts = urlsplit(url)
    assert url.isascii()
    assert url.isprintable()
    assert not set(url) & set("\\ ")
    assert parts.username is None
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    assert (parts.hostname, port) in {
        ("shop.example.com", 443), ("pay.example.com", 8443), ("localhost", 3000), ("127.0.0.1", 443),
        ("127.0.0.1", 80), ("::1", 8000),
    }  # fmt: skip


@given(st.sampled_from(HOSTS), st.text(alphabet="abcdefghij/?#&=.@:-_~%", max_size=40))
def test_every_path_of_an_allowed_host_is_taken(host, rest):
    scheme = "http" if host.startswith(("localhost", "127", "[")) else "https"
    assert redirect_problem(f"{scheme}://{host}/{rest}", HOSTS) is None


def test_a_long_name_is_judged_quickly():
    assert redirect_problem("https://" + "a-" * 990, HOSTS) is RedirectRule.UNREADABLE
