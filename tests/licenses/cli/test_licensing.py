"""`license issue|renew|suspend|reinstate|revoke|show` as a shell sees them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from history.models import Event
from licenses.models import Issuance, License
from licenses.services.keys import key_retire

ISSUE = ("license", "issue", "--group", "acme", "--email", "ops@acme.example", "--plan", "enterprise",
         "--product-key", "demo", "--expires", "2027-06-30T12:00:00+02:00")  # fmt: skip


@pytest.fixture
def office(customer, enterprise, signing, clock):
    """An account, a plan and keys; the clock stands."""


def test_a_license_is_issued(run, check, office):
    """E3: the text on standard output and nothing else; exit code 0."""
    done = run(*ISSUE)
    assert (done.code, done.err) == (0, "")
    answer = check(done.out).json
    assert (answer["ok"], answer["expires_at"]) == (True, "2027-06-30T10:00:00Z")
    row = License.objects.get()
    assert (row.origin, row.created_by.partition(":")[0]) == ("cli", "cli")
    assert row.account.email == "ops@acme.example"


def test_issuing_twice_gives_the_same_license(run, office):
    """E3: does the same as the internal route, through the same service."""
    first, second = run(*ISSUE, "--json").json, run(*ISSUE, "--json").json
    assert (first["created"], second["created"]) == (True, False)
    assert first["text"] == second["text"]
    assert run(*ISSUE).out == first["text"] + "\n"


def test_a_test_key_stands_beside_the_license_of_its_plan(run, check, office):
    """E3, D2: neither is taken for the other, and each is issued once."""
    sold = run(*ISSUE, "--json").json
    tested = run(*ISSUE, "--kind", "test", "--json").json
    assert (tested["created"], tested["license"] != sold["license"]) == (True, True)
    assert run(*ISSUE, "--kind", "test", "--json").json["text"] == tested["text"]
    assert run(*ISSUE).out.strip() == sold["text"].strip()
    assert list(License.objects.order_by("pk").values_list("kind", flat=True)) == ["commercial", "test"]
    assert check(tested["text"]).code == 0
    assert run(*ISSUE, "--kind", "trial").err.startswith("invalid: ")


@pytest.mark.parametrize("word", ["--no-persist", "--persist=false"])
def test_the_text_is_not_kept_if_asked(run, office, word):
    """E3: the record and its hash are."""
    done = run(*ISSUE, word, "--json")
    entry = Issuance.objects.get()
    assert (entry.artifact, entry.text_sha256) == (None, done.json["sha256"])


@pytest.mark.parametrize("words", [(), ("--persist",), ("--persist", "true")])
def test_the_text_is_kept_otherwise(run, office, words):
    """E3."""
    assert run(*ISSUE, *words).code == 0
    assert Issuance.objects.exclude(artifact=None).count() == 1


def test_a_license_file_is_printed_byte_for_byte(run, check, office):
    """E1: `license issue --format envelope > my.lic` is the file."""
    done = run(*ISSUE, "--format", "envelope")
    assert done.out == run(*ISSUE, "--format", "envelope", "--json").json["text"]
    assert check(done.out).code == 0


def test_terms_may_differ_from_the_plan(run, office):
    done = run(*ISSUE, "--seats", "3", "--nodes", "0", "--entitlement", "sso", "--entitlement", "projects=12",
               "--entitlement", "tier=gold", "--format", "lic1")  # fmt: skip
    assert (done.code, done.err.partition(":")[0]) == (1, "format_unsuitable")
    run(*ISSUE, "--seats", "3", "--nodes", "0", "--entitlement", "sso", "--entitlement", "projects=12")
    row = License.objects.get()
    assert (row.seats, row.nodes, row.entitlements) == (3, 0, {"sso": True, "projects": 12})


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--group", "nobody"), "unknown_account"),
        (("--plan", "gold"), "unknown_plan"),
        (("--product-key", "other"), "unknown_product_key"),
        (("--seats", "-1"), "invalid"),
        (("--expires", "2020-01-01T00:00:00Z"), "invalid"),
        (("--email", "nonsense"), "invalid"),
        (("--entitlement", "S P"), "invalid"),
    ],
)
def test_a_refusal_is_an_exit_code_and_a_sentence(run, office, words, code):
    """E3, D3: exit code 1, code and sentence on stderr, nothing on stdout, nothing written."""
    done = run(*ISSUE, *words)
    assert (done.code, done.out, License.objects.count()) == (1, "", 0)
    assert done.err.startswith(f"{code}: ")
    as_json = json.loads(run(*ISSUE, *words, "--json").err)
    assert (as_json["ok"], as_json["code"]) == (False, code)


def test_without_a_key_it_says_so(run, office, rsa_key, at):
    key_retire(key=rsa_key, actor="cli:test", at=at)
    assert run(*ISSUE).err.startswith("no_signing_key: ")


@pytest.mark.parametrize("time", ["2027-06-30", "tomorrow", "2027-06-30T12:00:00", "2027-13-01T00:00:00Z",
                                  "20270630T120000Z", "2027-W01-1T00:00:00Z", "9999-12-31T23:59:59-23:59"])  # fmt: skip
def test_an_expiry_is_rfc_3339(run, office, time):
    """E3: anything else is wrong usage."""
    assert run(*ISSUE, "--expires", time).code in {1, 2}
    assert License.objects.count() == 0


def test_renewing_prints_a_fresh_text(run, check, office, granted):
    """A26."""
    done = run("license", "renew", granted.license.public_id, "--months", "12", "--reason", "wire")
    assert check(done.out).json["expires_at"] == "2028-03-02T09:30:00Z"
    as_json = run("license", "renew", granted.license.public_id, "--days", "1", "--json").json
    assert (as_json["old_expires_at"], as_json["cause"]) == ("2028-03-02T09:30:00Z", "renew")


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (("--until", "2030-01-01T00:00:00Z"), datetime(2030, 1, 1, tzinfo=UTC)),
        (("--days", "400", "--anchor", "now"), datetime(2027, 4, 6, 9, 30, tzinfo=UTC)),
        (("--days", "400", "--anchor", "2027-01-01T00:00:00Z"), datetime(2028, 2, 5, tzinfo=UTC)),
    ],
)
def test_the_anchor_is_a_choice(run, office, granted, words, end):
    assert run("license", "renew", granted.license.public_id, *words).code == 0
    assert License.objects.get().expires_at == end


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--until", "2026-04-01T00:00:00Z"), "renewal_not_later"),
        (("--months", "0"), "invalid"),
        (("--days", "5", "--anchor", "someday"), "invalid"),
    ],
)
def test_a_renewal_may_be_refused(run, office, granted, words, code):
    """A26: an end that is not later."""
    done = run("license", "renew", granted.license.public_id, *words)
    assert (done.code, done.err.partition(":")[0]) == (1, code)


def test_the_states_of_a_license(run, office, granted):
    """A27, C25: suspend, reinstate, revoke, and revoke again."""
    public_id = granted.license.public_id
    assert run("license", "suspend", public_id, "--reason", "dispute").out == f"{public_id} is suspended\n"
    assert run("license", "renew", public_id, "--days", "9").err.startswith("license_suspended: ")
    assert run("license", "reinstate", public_id, "--json").json["status"] == "active"
    assert run("license", "revoke", public_id, "--reason", "refund").code == 0
    again = run("license", "revoke", public_id, "--reason", "refund")
    assert (again.code, again.err.partition(":")[0]) == (1, "already_revoked")
    assert run("license", "renew", public_id, "--days", "9").err.startswith("license_revoked: ")


def test_showing_a_license_shows_no_text(run, office, granted):
    """Terms, state and the list of issuances; the text itself is read elsewhere, with an event."""
    shown = run("license", "show", granted.license.public_id.lower(), "--json").json
    assert (shown["account"], shown["seats"], shown["status"], shown["posture"]) == (
        "acme",
        25,
        "active",
        "valid",
    )
    assert [entry["sha256"] for entry in shown["issuances"]] == [granted.issued.issuance.text_sha256]
    people = run("license", "show", granted.license.public_id).out
    assert granted.issued.issuance.text_sha256 in people
    assert granted.issued.text not in people + json.dumps(shown)


@pytest.mark.parametrize("name", ["L-AAAAAAAAAAAAAAAAAAAAAAAAAA", "nonsense", "L-\udcff", ""])
def test_an_unknown_license_is_a_sentence(run, office, name):
    done = run("license", "show", name)
    assert (done.code, done.err.partition(":")[0]) == (1, "not_found")


def test_who_did_it_is_the_user_of_the_shell(run, office, granted):
    """Actor strings name the operating system's user."""
    run("license", "revoke", granted.license.public_id, "--reason", "refund")
    assert Event.objects.get(kind="license.revoked").actor.startswith("cli:")
