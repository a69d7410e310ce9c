"""The part of a deployment that knows its license. Files in a folder; the clock is an argument."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from licenses.domain.enums import DeploymentKind
from licenses.domain.formats import from_paste
from licenses.domain.instants import instant
from licenses.domain.keys import KeyMaterialError, KeySet
from licenses.domain.manifests import Manifest, read_manifest
from licenses.domain.posture import check_write, posture
from licenses.domain.status import StatusView, status
from licenses.domain.verification import Verification, verify

MOST_SIGNALS: Final = 20


class KeyRefusedError(ValueError):
    """A pasted key that does not hold: the one in force stays, and the text says why (A11)."""


@dataclass
class Deployment:
    """One deployment of a product, with its folder.

    `folder` holds `license.txt`, `jwks.json`, `manifest.jwt` (the newest release manifest), and `state.json`
    (install id, last posture, signals to be told, age of the manifest).
    """

    folder: Path
    issuer: str
    audience: str
    kind: DeploymentKind = DeploymentKind.ENTERPRISE
    version: str = "1.0.0"
    operating_system: str = "Linux"
    nodes: int = 1
    node_cap: int | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    next_beat_seconds: int | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._state = self._read_state()

    # --- the key --------------------------------------------------------------------------------------------

    @property
    def text(self) -> str | None:
        """The stored key, or none."""
        path = self.folder / "license.txt"
        return path.read_text(encoding="utf-8").strip() or None if path.exists() else None

    def keys(self) -> KeySet:
        """The public keys that came with the product or were fetched last. No file: no key is trusted."""
        path = self.folder / "jwks.json"
        try:
            return KeySet.from_jwks(path.read_bytes()) if path.exists() else KeySet([])
        except KeyMaterialError:
            return KeySet([])

    def take_keys(self, body: bytes) -> None:
        """Keep a key set that was fetched. Raises KeyMaterialError and keeps the old one."""
        if not len(KeySet.from_jwks(body)):
            raise KeyMaterialError("jwks_invalid", "it has no key that could be used")
        self._write("jwks.json", body.decode())

    def verification(self, now: datetime) -> Verification | None:
        """What the stored key is worth at an instant; none without a key."""
        return None if self.text is None else self._verify(self.text, now)

    def _verify(self, text: str, now: datetime) -> Verification:
        return verify(text, self.keys(), now=now, issuer=self.issuer, audience=self.audience)

    def replace(self, text: str, now: datetime) -> StatusView:
        """Take a pasted key; always allowed, whatever the posture (A10). Raises KeyRefusedError (A11)."""
        pasted = from_paste(text)
        found = self._verify(pasted, now)
        if not found.ok and found.reason != "expired":
            raise KeyRefusedError(f"{found.reason}: {found.detail}")
        self._write("license.txt", pasted)
        self._signal("granted")
        return self.status(now)

    def clear(self, now: datetime) -> StatusView:
        """Remove the key; told to the vendor with the next heartbeat that has one to speak with (A13)."""
        (self.folder / "license.txt").unlink(missing_ok=True)
        self._signal("cleared")
        return self.status(now)

    # --- posture --------------------------------------------------------------------------------------------

    def status(self, now: datetime) -> StatusView:
        """What the administrator sees; a posture that changed becomes a signal (A13)."""
        view = status(self.verification(now), deployment=self.kind, now=now)
        before = self._state.get("posture")
        if before != view.posture.value:
            self._state["posture"] = view.posture.value
            if before is not None:
                self._signal("posture_changed", **{"from": before, "to": view.posture.value})
            self._keep_state()
        return view

    def guard_write(self, now: datetime) -> None:
        """Stand before every protected write. Raises WriteRefusedError and keeps the denial (A10, A13)."""
        view = posture(self.verification(now), deployment=self.kind, now=now)
        try:
            check_write(view)
        except ValueError as error:
            self._signal("denied", reason=getattr(error, "reason", "refused"))
            raise

    # --- updates --------------------------------------------------------------------------------------------

    def take_manifest(self, text: str, etag: str, now: datetime) -> Manifest:
        """Keep a manifest that holds and is not older than the last. Raises ManifestError and keeps the old one."""
        manifest = self._read_manifest(text, now)
        self._write("manifest.jwt", text)
        self._state["manifest"] = {"etag": etag, "issued": int(manifest.issued_at.timestamp())}
        self._keep_state()
        return manifest

    def manifest(self, now: datetime) -> Manifest | None:
        """The kept manifest, verified offline; None without one. Raises ManifestError, also when it has expired."""
        path = self.folder / "manifest.jwt"
        return self._read_manifest(path.read_text(encoding="utf-8"), now) if path.exists() else None

    @property
    def manifest_etag(self) -> str:
        """What to ask with, so that a manifest that still holds is not sent again."""
        kept = (self.folder / "manifest.jwt").exists()
        return str(self._state.get("manifest", {}).get("etag", "")) if kept else ""

    def _read_manifest(self, text: str, now: datetime) -> Manifest:
        seen = self._state.get("manifest", {}).get("issued")
        return read_manifest(
            text, self.keys(), now=now, issuer=self.issuer, audience=self.audience,
            license_id=_license_id(self._verify(self.text or "", now)),
            not_before=None if seen is None else instant(seen),
        )  # fmt: skip

    # --- what is told to the vendor ---------------------------------------------------------------------------

    def beat(self) -> dict[str, Any]:
        """The body of a heartbeat: counts and shape, nothing else (A18)."""
        body: dict[str, Any] = {
            "install_id": self._state["install_id"],
            "version": self.version,
            "os": self.operating_system,
            "nodes": self.nodes,
            "signals": self._state["signals"][:MOST_SIGNALS],
        }
        if self.node_cap is not None:
            body["operator_node_cap"] = self.node_cap
        return body

    def told(self, body: dict[str, Any], answer: dict[str, Any]) -> None:
        """A heartbeat was taken: forget its signals, show what came back."""
        said = {signal["id"] for signal in body["signals"]}
        self._state["signals"] = [item for item in self._state["signals"] if item["id"] not in said]
        self.messages = list(answer.get("messages", []))
        wait = answer.get("next_beat_seconds")
        self.next_beat_seconds = wait if isinstance(wait, int) and wait > 0 else None
        self._keep_state()

    def _signal(self, kind: str, **more: Any) -> None:
        waiting = [*self._state["signals"], {"id": secrets.token_hex(8), "type": kind, **more}]
        self._state["signals"] = waiting[-10 * MOST_SIGNALS :]
        self._keep_state()

    # --- files ----------------------------------------------------------------------------------------------

    def _read_state(self) -> dict[str, Any]:
        path = self.folder / "state.json"
        if path.exists():
            known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return known
        state: dict[str, Any] = {"install_id": secrets.token_hex(12), "signals": []}
        self._write("state.json", json.dumps(state))
        return state

    def _keep_state(self) -> None:
        self._write("state.json", json.dumps(self._state))

    def _write(self, name: str, text: str) -> None:
        """All or nothing: a crash leaves the file as it was."""
        path = self.folder / name
        temporary = path.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)


def _license_id(found: Verification) -> str | None:
    """The id of the stored license, of whatever format; None when no signature holds."""
    if found.claims is not None:
        return found.claims.license_id
    if found.fields is None:
        return None
    return f"L-{base64.b32encode(found.fields.license_uid.bytes).decode().rstrip('=')}"
