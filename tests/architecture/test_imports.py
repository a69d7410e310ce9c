"""The import contracts of pyproject.toml hold, and each is broken by the import that it forbids."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
ROOMS = SETTINGS["root_packages"]


def lint(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    script = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(script), "--no-cache", *words], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Path:
    """A copy of the sources, to break."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for room in ROOMS:
        only_python = shutil.ignore_patterns("__pycache__", "templates", "static")
        shutil.copytree(ROOT / room, folder / room, ignore=only_python)
    return folder


@pytest.fixture
def break_with(house):
    """Write lines at the end of a module of the copy, for one test."""
    changed: dict[Path, str | None] = {}

    def write(module: str, lines: str) -> None:
        path = house / module
        changed[path] = path.read_text(encoding="utf-8") if path.exists() else None
        path.write_text((changed[path] or "") + f"\n{lines}\n", encoding="utf-8")

    yield write
    for path, before in changed.items():
        path.unlink() if before is None else path.write_text(before, encoding="utf-8")


def test_every_contract_holds(house):
    found = lint(house)
    assert found.returncode == 0, found.stdout


VIOLATIONS = [
    ("rooms", "history/models.py", "import accounts.models"),
    ("rooms", "accounts/selectors.py", "def late():\n    from licenses.models import License"),
    ("rooms", "config/kit/clock.py", "def late():\n    import history.models"),
    ("composition", "accounts/tasks.py", "def late():\n    from config.settings import BASE_URL"),
    ("composition", "config/kit/enqueue.py", "from config.celery import app"),
    ("inside", "accounts/selectors.py", "from accounts.services import users"),
    ("inside", "licenses/models/keys.py", "def late():\n    from licenses import selectors"),
    ("inside", "accounts/services/users.py", "from accounts.api import views"),
    ("domain", "licenses/domain/posture.py", "def late():\n    from django.utils import timezone"),
    ("domain", "history/domain/kinds.py", "from config.kit import clock"),
    ("stripe", "licenses/services/issuing.py", "import stripe"),
    ("bus", "billing/services/settling.py", "def late():\n    import nats"),
    ("hubspot", "crm/services/people.py", "def late():\n    import hubspot"),
    ("outside-crm", "crm/admin/people.py", "def late():\n    from crm.connectors import twenty"),
    ("removable", "config/attention.py", "def late():\n    from crm.models import Person"),
]


@pytest.mark.parametrize(("contract", "module", "lines"), VIOLATIONS)
def test_an_import_that_a_contract_forbids_breaks_it(contract, module, lines, house, break_with):
    break_with(module, lines)
    found = lint(house, "--contract", contract)
    assert found.returncode == 1, found.stdout
    assert "BROKEN" in found.stdout


def test_a_contract_about_a_room_to_come_is_ready_for_it(house, break_with):
    (house / "billing").mkdir(exist_ok=True)
    break_with("billing/__init__.py", "import licenses")
    break_with("licenses/apps.py", "def late():\n    import billing")
    text = (house / "pyproject.toml").read_text(encoding="utf-8")
    packages = 'root_packages = ["config", '
    (house / "with_billing.toml").write_text(text.replace(packages, packages + '"billing", '))
    found = lint(house, "--config", "with_billing.toml", "--contract", "rooms")
    assert (found.returncode, "BROKEN" in found.stdout) == (1, True), found.stdout


def test_every_contract_has_a_violation_that_proves_it():
    assert {name for name, _, _ in VIOLATIONS} == {row["id"] for row in SETTINGS["contracts"]}
