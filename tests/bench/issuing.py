"""Issuing, one by one and in bulk, against the raw signature; verifying against PyJWT and the raw signature."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import jwt
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from django.db import connection

from config.kit import clock
from config.kit.statements import Statement
from licenses import selectors
from licenses.domain.enums import Algorithm
from licenses.domain.keys import KeySet
from licenses.domain.verification import verify
from licenses.models import License
from licenses.services.bulk import licenses_issue
from licenses.services.issuing import license_issue
from licenses.signers import signer_of
from tests.bench import office
from tests.bench.harness import Result, compare, rate, rate_together

MESSAGE = b"x" * 388
BULK = 2_000
CALLERS = 4  # as many threads as the product's web process has


def workloads() -> Iterator[Result]:
    rows = office.licenses_make(200, clock.now())
    office.analyze()
    for algorithm, target in ((Algorithm.RS256, 0.33), (Algorithm.EDDSA, None)):
        yield _concurrent(rows, algorithm, target)
        yield from _alone(rows, algorithm)
    yield _bulk()
    for algorithm in Algorithm:
        yield from _verifying(rows[0], algorithm)
    office.product_uses(Algorithm.RS256)


def _alone(rows: list[License], algorithm: Algorithm) -> Iterator[Result]:
    """One caller after the other: how long a caller waits, which is mostly the disk at the commit.

    The core idles meanwhile, so this is no rate of a core. Beside the raw signature stands what nobody can
    pass who commits before the text leaves: a signature and one committed row.
    """
    office.product_uses(algorithm)
    signer = signer_of(office.signing_key(algorithm))
    issue = _issuer(rows)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS bench_row (id bigserial PRIMARY KEY, body bytea)")
    row = Statement("INSERT INTO bench_row (body) VALUES (%s) RETURNING id")

    def sign_and_commit() -> None:
        row.rows(signer.sign(MESSAGE))

    for name, floor in (
        ("raw signature", lambda: signer.sign(MESSAGE)),
        ("signature and commit", sign_and_commit),
    ):
        yield compare(
            f"issue one, {algorithm}, 1 caller",
            lambda: rate(issue),
            lambda floor=floor: rate(floor),
            other_name=name,
            unit="/s",
        )


def _concurrent(rows: list[License], algorithm: Algorithm, target: float | None) -> Result:
    """What one core issues: the threads of one web process, where one signs while another waits for its commit."""
    office.product_uses(algorithm)
    signer = signer_of(office.signing_key(algorithm))
    issue = _issuer(rows)
    with ThreadPoolExecutor(CALLERS) as pool:
        return compare(
            f"issue one, {algorithm}, {CALLERS} callers",
            lambda: rate_together(pool, CALLERS, issue),
            lambda: rate(lambda: signer.sign(MESSAGE)),
            other_name="raw signature",
            unit="/s",
            target=target,
        )


def _issuer(rows: list[License]) -> Callable[[], object]:
    turn = count()

    def issue() -> None:
        license_issue(
            license=rows[next(turn) % len(rows)], channel="bulk", actor=office.ACTOR, at=clock.now()
        )

    return issue


def _bulk() -> Result:
    office.product_uses(Algorithm.RS256)
    signer = signer_of(office.signing_key(Algorithm.RS256))
    first = office.licenses_make(BULK, clock.now())[0].pk
    rows = License.objects.filter(pk__gte=first)

    def issue_all() -> None:
        for batch in licenses_issue(licenses=rows, channel="bulk", actor=office.ACTOR, at=clock.now()):
            assert not batch.refused

    return compare(
        "issue in bulk, RS256",
        lambda: rate(issue_all, batch=BULK),
        lambda: rate(lambda: signer.sign(MESSAGE)),
        other_name="raw signature",
        unit="/s",
        target=0.8,
        rounds=3,
    )


def _verifying(row: License, algorithm: Algorithm) -> Iterator[Result]:
    office.product_uses(algorithm)
    at = clock.now()
    text = license_issue(license=row, channel="bulk", actor=office.ACTOR, at=at).text
    keys = KeySet.from_jwks(selectors.jwks())
    public = signer_of(office.signing_key(algorithm)).public_key

    def ours() -> None:
        assert verify(text, keys, now=at, issuer="signet", audience="demo").ok

    def pyjwt() -> None:
        jwt.decode(text, public, algorithms=[algorithm], issuer="signet", audience="demo")  # type: ignore[arg-type]

    yield compare(
        f"verify offline, {algorithm}",
        lambda: rate(ours),
        lambda: rate(pyjwt),
        other_name="PyJWT decode",
        unit="/s",
        target=1.0,
    )
    signature = signer_of(office.signing_key(algorithm)).sign(MESSAGE)
    yield compare(
        f"verify offline, {algorithm}",
        lambda: rate(ours),
        lambda: rate(lambda: _raw(public, signature)),
        other_name="raw verification",
        unit="/s",
    )


def _raw(public: object, signature: bytes) -> None:
    if hasattr(public, "key_size"):
        public.verify(signature, MESSAGE, PKCS1v15(), SHA256())  # type: ignore[attr-defined]
    else:
        public.verify(signature, MESSAGE)  # type: ignore[attr-defined]
