"""Licenses of the running office, and the tools of others that must verify them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
FORMATS = ROOT / "docs" / "formats.md"


def tool(name: str) -> str:
    """A program that must be here: its absence is a failure, never a reason to skip."""
    path = shutil.which(name)
    assert path, f"{name} is needed to prove interoperability"
    return path


@pytest.fixture
def recipe() -> Callable[[str], str]:
    """A recipe of docs/formats.md, as it stands there."""

    def find(name: str) -> str:
        pattern = rf"```\w+\n(?:#|//) recipe: {name}\n(.*?)```"
        found = re.search(pattern, FORMATS.read_text(encoding="utf-8"), re.DOTALL)
        assert found, f"docs/formats.md has no recipe {name}"
        return found[1]

    return find


@pytest.fixture
def foreign(tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a runner of other people's programs, in a folder of its own."""

    def run(*words: str, text: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [tool(words[0]), *words[1:]],
            input=text,
            capture_output=True,
            text=True,
            cwd=cwd or tmp_path,
            check=False,
            timeout=60,
        )

    return run


@pytest.fixture(scope="session")
def npm_folder(tmp_path_factory) -> Path:
    """A folder with jose, installed from the lock file, and the script of the documentation."""
    folder = tmp_path_factory.mktemp("npm")
    for path in (HERE / "package.json", HERE / "package-lock.json", ROOT / "docs/examples/verify-jwt.mjs"):
        shutil.copy(path, folder)
    done = subprocess.run(
        [tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def jwks_file(signing, tmp_path) -> Path:
    """What /.well-known/jwks.json serves."""
    from licenses import selectors

    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(selectors.jwks()))
    return path
