"""`release publish|list|withdraw` as a shell sees them."""

from __future__ import annotations

from hashlib import sha256


def test_a_release_is_published_listed_and_withdrawn_from_the_shell(run, product, clock, tmp_path):
    """E32: checksum and size are taken from the file itself."""
    artifact, notes = tmp_path / "demo.tar.gz", tmp_path / "NOTES"
    artifact.write_bytes(b"bytes")
    notes.write_text("Faster.\n")
    of = ("--product-key", "demo")
    made = run(
        "release", "publish", "1.10.0", *of, "--artifact", "https://downloads.example/demo", "--file", str(artifact),
        "--notes-file", str(notes), "--edition", "enterprise", "--json",
    ).json  # fmt: skip
    assert (made["sha256"], made["size_bytes"]) == (sha256(b"bytes").hexdigest(), 5)
    assert (made["state"], made["published_at"]) == ("out", "2026-03-02T09:30:00Z")
    by_hand = ("--artifact", "demo", "--sha256", "AB" * 32)
    later = run(
        "release", "publish", "1.9.0", *of, *by_hand, "--size", "7", "--published-at", "2026-04-01T00:00:00Z"
    )
    assert later.out == "1.9.0 is on channel stable, out from 2026-04-01T00:00:00Z\n"
    rows = run("release", "list", *of, "--json").json["releases"]
    assert [(row["version"], row["state"]) for row in rows] == [("1.10.0", "out"), ("1.9.0", "still to come")]
    assert run("release", "withdraw", "1.10.0", *of, "--reason", "Loses data.").out == "1.10.0 is withdrawn\n"
    again = run("release", "withdraw", "1.10.0", *of, "--reason", "Loses data.")
    assert (again.code, again.err.partition(":")[0]) == (1, "release_withdrawn")
    assert run("release", "publish", "1.9.0", *of, *by_hand, "--size", "7").err.startswith("exists: ")
    assert run("release", "publish", "v2", *of, *by_hand, "--size", "7").err.startswith("invalid: ")
    assert run("release", "publish", "2.0.0", *of, *by_hand).code == 2
    assert run("release", "publish", "2.0.0", *of, "--artifact", "x", "--file", "/nowhere").code == 2
