"""`license verify`: the promises of "Tokens and keys", each against the command."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import call_command, execute_from_command_line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from licenses.domain.tokens import encode_document

AT = "2026-03-02T09:30:00Z"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def parts_of(token: str) -> list[bytes]:
    return [base64.urlsafe_b64decode(part + "==") for part in token.split(".")]


@pytest.fixture(scope="session")
def token(make_text) -> str:
    return make_text()


@pytest.fixture(scope="session")
def forge(token, signer):
    """Return a maker of truly signed tokens with another header or payload, or raw texts for them."""

    def make(header: dict | bytes | None = None, payload: dict | bytes | None = None) -> str:
        old_header, old_payload, _ = (
            json.loads(part) if part[:1] == b"{" else part for part in parts_of(token)
        )
        header = {**old_header, **(header or {})} if not isinstance(header, bytes) else header
        payload = {**old_payload, **(payload or {})} if not isinstance(payload, bytes) else payload
        raw = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
        message = ".".join(map(b64, raw))
        return f"{message}.{b64(signer.sign(message.encode()))}"

    return make


@pytest.mark.parametrize("form", ["jwt", "lic1", "envelope"])
def test_a_license_of_any_format_holds(check, make_text, form):
    """A3, C21, E1: three formats, one command, exit code 0; none of these tests has a database (A5)."""
    done = check(make_text(form))
    assert (done.code, done.json["format"], done.json["posture"]) == (0, form, "valid")


def test_the_forger_of_these_tests_makes_good_tokens(check, forge):
    """Each refusal below stands beside this success."""
    assert check(forge()).code == 0


@pytest.mark.parametrize("around", [b"%s\n", b"\r\n%s\r\n", b"  %s\t"])
def test_white_space_around_a_piped_key_is_tolerated(check, token, around):
    assert check(around % token.encode()).code == 0


@pytest.mark.parametrize("space", ["\u00a0", "\u2028", "\x0b", "\x00", "\ufeff"])
def test_other_characters_around_a_key_are_not(check, token, space):
    assert check(token + space).json["stage"] == "format"


def test_a_line_break_inside_a_key_is_refused(check, token):
    assert check(token[:50] + "\n" + token[50:]).json["stage"] == "format"


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"\0", b"\xff\xfe\x00", b"\xed\xa0\x80", bytes(range(256)), b"{", b"[" * 5000, b"{" * 70_000,
     b"LIC1-", b"LIC1-A-A", b"..", b"ey..", b"a.b.c.d", b"ey" * 40_000, b"x" * 3_000_000, b" " * 2_000_000],
)  # fmt: skip
def test_no_bytes_make_it_fail_in_another_way(check, data):
    """One JSON line and exit code 1, never a traceback."""
    assert check(data).json["stage"] == "format"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_answered(check, data):
    assert check(data).code == 1


def test_a_file_may_be_named(run, jwks_file, token, tmp_path):
    (tmp_path / "my.lic").write_text(token + "\n")
    words = ["license", "verify", "--jwks", str(jwks_file), "--at", AT, "--token"]
    assert run(*words, str(tmp_path / "my.lic")).code == 0


@pytest.mark.parametrize(
    "words",
    [[], ["--token", "x", "--jwks", "/nowhere"], ["--token", "x", "--at", "tomorrow"],
     ["--token", "x", "--at", "0001-01-01T00:00:00+14:00"], ["--token", "x", "--denied", "/nowhere"]],
)  # fmt: skip
def test_wrong_usage_is_exit_code_2(words, monkeypatch, capsys):
    """As a shell calls it: argparse's own errors included."""
    with pytest.raises(SystemExit) as exit_:
        execute_from_command_line(["manage.py", "license", "verify", *words])
    assert exit_.value.code == 2
    assert capsys.readouterr().out == ""


# --- the list of "Tokens and keys" ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"alg": "none"}, "alg_not_allowed"),
        ({"alg": "HS256"}, "alg_not_allowed"),
        ({"alg": "PS256"}, "alg_not_allowed"),
        ({"alg": "RS512"}, "alg_not_allowed"),
        ({"alg": "rs256"}, "alg_not_allowed"),
        ({"alg": "RS256 "}, "alg_not_allowed"),
        ({"alg": ["RS256"]}, "alg_not_allowed"),
        ({"typ": "JWT"}, "typ_not_allowed"),
        ({"typ": None}, "typ_not_allowed"),
        ({"typ": "application/jwt"}, "typ_not_allowed"),
        ({"typ": "verdict+jwt"}, "typ_not_allowed"),
        ({"crit": ["exp"]}, "crit_refused"),
        ({"crit": []}, "crit_refused"),
        ({"zip": "DEF"}, "zip_refused"),
        ({"jku": "http://127.0.0.1:9/jwks"}, "jku_refused"),
        ({"x5u": "http://127.0.0.1:9/x"}, "x5u_refused"),
        ({"jwk": {"kty": "oct", "k": "AA"}}, "jwk_refused"),
        ({"kid": ""}, "kid_missing"),
        ({"kid": 7}, "kid_missing"),
    ],
)
def test_a_header_outside_the_list_is_refused(check, forge, header, reason):
    """A4: an explicit list, compared exactly; nothing in a header leads to a key or a connection."""
    answer = check(forge(header)).json
    assert (answer["stage"], answer["reason"]) == ("header", reason)


@pytest.mark.parametrize("typ", ["license+jwt", "application/license+jwt", "LICENSE+JWT"])
def test_typ_counts_with_and_without_its_prefix(check, forge, typ):
    assert check(forge({"typ": typ})).code == 0


def test_the_algorithm_must_be_that_of_the_key(check, forge, ed_signer):
    """A4: RS256 never reaches the Ed25519 key that `kid` names, nor the reverse."""
    assert check(forge({"kid": ed_signer.kid})).json["reason"] == "alg_key_mismatch"
    assert check(forge({"alg": "EdDSA"})).json["reason"] == "alg_key_mismatch"


def test_hs256_keyed_with_the_public_pem_is_refused(check, token, signer):
    """A4: the classic confusion of public key and shared secret."""
    header = {"alg": "HS256", "kid": signer.kid, "typ": "license+jwt"}
    message = f"{b64(json.dumps(header).encode())}.{token.split('.')[1]}"
    pem = signer.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    mac = hmac.new(pem, message.encode(), hashlib.sha256).digest()
    assert check(f"{message}.{b64(mac)}").json["reason"] == "alg_not_allowed"


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ['"1798675200"', "1798675200.5", "1.8e9", "true", "[1]", "null", "NaN", "1e30",
                                   str(10**30), "-1", "{}", "Infinity"])  # fmt: skip
def test_an_instant_of_another_type_or_range_is_refused(check, forge, token, claim, value):
    """A string, float, boolean, list, NaN or 10^30 is no time; exit code 1 at stage claims."""
    payload = json.loads(parts_of(token)[1])
    text = json.dumps(payload).replace(f'"{claim}": {payload[claim]}', f'"{claim}": {value}')
    assert text != json.dumps(payload)
    assert check(forge(payload=text.encode())).json["stage"] == "claims"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"iss": "somebody-else"}, "issuer_mismatch"),
        ({"iss": 7}, "iss_not_text"),
        ({"aud": ["demo"]}, "aud_not_text"),
        ({"edition": "platinum"}, "edition_unknown"),
        ({"seats": -1}, "seats_negative"),
        ({"nodes": -1}, "nodes_negative"),
        ({"seats": "25"}, "seats_not_integer"),
        ({"seats": True}, "seats_not_integer"),
        ({"kind": "gift"}, "kind_unknown"),
        ({"ver": 2}, "ver_unsupported"),
        ({"perpetual": True}, "perpetual_with_exp"),
    ],
)
def test_signed_nonsense_is_refused_for_its_reason(check, forge, payload, reason):
    """A4: foreign issuer, unknown edition, negative seats or nodes, each with a reason of its own."""
    answer = check(forge(payload=payload)).json
    assert (answer["stage"], answer["reason"], answer["posture"]) == ("claims", reason, "invalid")


def test_a_token_without_an_end_is_not_perpetual(check, forge, token):
    payload = json.loads(parts_of(token)[1])
    del payload["exp"]
    assert check(forge(payload=json.dumps(payload).encode())).json["reason"] == "exp_missing"


def test_duplicate_members_are_refused(check, forge, token):
    """Two readers that take the first or the last one would see two licenses."""
    header, payload, _ = parts_of(token)
    assert check(forge(payload=payload[:-1] + b',"seats":9}')).json["reason"] == "payload_duplicate_member"
    doubled = check(forge(header=header[:-1] + b',"alg":"RS256"}')).json
    assert (doubled["stage"], doubled["reason"]) == ("header", "header_duplicate_member")


def test_padding_and_other_second_spellings_are_refused(check, token):
    head, body, tail = token.split(".")
    assert check(f"{head}.{body}.{tail}==").json["stage"] == "format"
    assert check(f"{head}=.{body}.{tail}").json["ok"] is False
    assert check(token.replace("-", "+").replace("_", "/") + "/").json["stage"] == "format"


def test_a_truncated_token_is_refused(check, token):
    """A4."""
    for cut in (1, 2, 10, len(token) // 2, len(token) - 5):
        assert check(token[:-cut]).code == 1


def test_a_changed_payload_is_refused_at_the_signature(check, token):
    """A4."""
    head, body, tail = token.split(".")
    changed = json.loads(base64.urlsafe_b64decode(body + "==")) | {"seats": 0}
    answer = check(f"{head}.{b64(json.dumps(changed).encode())}.{tail}").json
    assert (answer["stage"], answer["reason"]) == ("signature", "signature_invalid")


def test_an_unknown_key_is_refused(check, forge):
    """A4: an unknown `kid`."""
    answer = check(forge({"kid": "AAAAAAAAAAAAAAAA"})).json
    assert (answer["stage"], answer["reason"]) == ("key", "kid_unknown")


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ({"use": "enc"}, "key_not_for_signatures"),
        ({"key_ops": ["sign"]}, "key_not_for_verifying"),
        ({"key_ops": []}, "key_not_for_verifying"),
        ({"alg": "RS512"}, "alg_key_mismatch"),
        ({"d": "AQAB"}, "key_is_private"),
        ({"kty": "oct"}, "kty_not_supported"),
    ],
)
def test_a_key_that_may_not_verify_is_refused(check, token, jwks_file, member, reason):
    """PyJWT does not look at `use` and `key_ops` by itself."""
    rsa, ed = json.loads(jwks_file.read_text())["keys"]
    jwks_file.write_text(json.dumps({"keys": [{**rsa, **member}, ed]}))
    answer = check(token).json
    assert (answer["stage"], answer["reason"]) == ("key", reason)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"keys":{}}', "\0", "nonsense", '{"keys":[1]}'])
def test_a_file_that_is_no_key_set_is_a_refusal_of_the_key(check, token, jwks_file, text):
    jwks_file.write_text(text)
    assert check(token).json["stage"] == "key"


def test_a_token_of_another_kind_never_passes_as_a_license(check, signer, token, internal_token):
    """API tokens, signed verdicts and licenses are told apart by typ, and by algorithm."""
    verdict = encode_document(json.loads(parts_of(token)[1]), "verdict+jwt", signer)
    assert check(verdict).json["reason"] == "typ_not_allowed"
    assert check(internal_token()).json["stage"] == "header"


def test_a_withdrawn_token_is_denied_by_its_jti(check, token, tmp_path):
    """Deny by `jti`, never by token text."""
    jti = json.loads(parts_of(token)[1])["jti"]
    lines, listed = tmp_path / "denied.txt", tmp_path / "denied.json"
    lines.write_text(f"other\n{jti}\n")
    listed.write_text(json.dumps([jti]))
    for path in (lines, listed):
        answer = check(token, "--denied", str(path)).json
        assert (answer["stage"], answer["reason"]) == ("revocation", "revoked")
    lines.write_text(token)
    assert check(token, "--denied", str(lines)).code == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--issuer", "https://elsewhere.example"], "issuer_mismatch"),
        (["--audience", "other"], "audience_mismatch"),
        (["--at", "2040-01-01T00:00:00Z"], "expired"),
        (["--at", "2020-01-01T00:00:00Z"], "not_yet_valid"),
    ],
)
def test_expectations_are_compared(check, token, options, reason):
    answer = check(token, *options).json
    assert (answer["stage"], answer["reason"]) == ("claims", reason)
    assert check(token, "--issuer", "*", "--audience", "demo").code == 0


def test_a_lic1_key_says_what_it_could_not_be_compared_with(check, make_text):
    """C21: it names its product by UUID; an expectation that was not checked is named."""
    text = make_text("lic1")
    assert check(text, "--audience", "other", "--issuer", "signet").json["unchecked"] == [
        "issuer",
        "audience",
    ]
    product = "00000000-0000-0000-0000-000000000001"
    assert check(text, "--product-uid", product).json["unchecked"] == []
    other = check(text, "--product-uid", product.replace("1", "2")).json
    assert (other["stage"], other["reason"]) == ("claims", "product_mismatch")


def test_a_bound_license_fits_its_machine_only(check, make_text):
    """C24: only the hash is in the key."""
    text = make_text(fingerprint_sha256=hashlib.sha256(b"machine-1").hexdigest())
    assert check(text, "--fingerprint", "machine-1").code == 0
    assert check(text, "--fingerprint", "machine-2").json["reason"] == "fingerprint_mismatch"


def test_an_expired_license_holds_within_its_grace(check, token):
    """C23: ok with a flag, until the end of grace."""
    inside = check(token, "--at", "2027-03-03T00:00:00Z").json
    assert (inside["ok"], inside["in_grace_period"], inside["posture"]) == (True, True, "grace")
    after = check(token, "--at", "2027-03-16T09:30:00Z").json
    assert (after["reason"], after["posture"]) == ("expired", "read_only")


def test_the_command_says_how_it_is_used(capsys):
    with pytest.raises(SystemExit) as exit_:
        call_command("license", "verify", "--help")
    assert exit_.value.code == 0
    assert "--jwks" in capsys.readouterr().out
