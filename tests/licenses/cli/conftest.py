"""`manage.py license` and `manage.py keys` as a shell sees them: bytes in, two texts and an exit code out."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from licenses.domain import formats
from licenses.domain.claims import Claims
from licenses.domain.enums import Edition, Format, Kind
from licenses.domain.keys import load_private_pem, public_jwk
from licenses.domain.signer import Signer

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
LICENSE = "L-AAAAAAAAAAAAAAAAAAAAAAAAAA"


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(monkeypatch) -> Callable[..., Done]:
    """Return a runner: `run("license", "show", "L-…", stdin=b"")`."""

    def call(*words: str, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        out, err = io.StringIO(), io.StringIO()
        code = 0
        try:
            call_command(*words, stdout=out, stderr=err)
        except SystemExit as exit_:
            code = exit_.code
        except CommandError as error:
            code, _ = error.returncode, err.write(str(error))
        return Done(code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="session")
def signer(rsa_pem) -> Signer:
    """The office of the tests that have no database."""
    return Signer.of(load_private_pem(rsa_pem))


@pytest.fixture(scope="session")
def ed_signer(ed_pem) -> Signer:
    return Signer.of(load_private_pem(ed_pem))


@pytest.fixture(scope="session")
def jwks(signer, ed_signer) -> dict[str, Any]:
    """Both public keys, as they are published."""
    return {"keys": [public_jwk(s.public_key, s.kid, s.algorithm) for s in (signer, ed_signer)]}


@pytest.fixture(scope="session")
def make_text(signer, ed_signer) -> Callable[..., str]:
    """Return a maker of signed texts: `make_text("lic1", seats=3)`; a year from the fixed instant."""
    start = int(AT.timestamp())
    base = Claims(
        issuer="signet", subject="C-AAAAAAAAAAAAAAAA", audience="demo", license_id=LICENSE, jti="j" * 22,
        issued_at=start, not_before=start, expires_at=start + 365 * 86_400, kind=Kind.COMMERCIAL,
        edition=Edition.ENTERPRISE, plan="enterprise", seats=25, nodes=4, entitlements={"sso": True},
    )  # fmt: skip

    def make(form: str = "jwt", **changes: Any) -> str:
        return formats.encode(
            Format(form),
            replace(base, **changes),
            signer=ed_signer if form == "lic1" else signer,
            product_uid=UUID(int=1),
            license_uid=UUID(int=2),
        )

    return make


@pytest.fixture
def jwks_file(jwks, tmp_path):
    """The published keys in a file."""
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(jwks))
    return path


@pytest.fixture
def check(run, jwks_file) -> Callable[..., Done]:
    """Return the offline check of a text on standard input; its answer is one JSON line, always."""

    def call(text: bytes | str, *options: str) -> Done:
        data = text.encode() if isinstance(text, str) else text
        words = ["license", "verify", "--jwks", str(jwks_file), "--token", "-", "--at", AT.isoformat()]
        done = run(*words, *options, stdin=data)
        assert done.err == ""
        assert done.out.count("\n") == 1
        assert done.json["ok"] is (done.code == 0)
        assert (done.json["reason"] is None) is (done.code == 0)
        return done

    return call
