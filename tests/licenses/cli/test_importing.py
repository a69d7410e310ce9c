"""`license import` as a shell sees it (D1)."""

from __future__ import annotations

import csv

import pytest

from accounts.models import Account
from licenses.models import License

HEADER = "product,legacy_key,account,plan,starts,ends"
ROW = "demo,OLD-1,acme,enterprise,2020-01-01,2027-12-31"


@pytest.fixture
def office(customer, enterprise, clock):
    """An account and a plan; the clock stands. An import needs no key."""


@pytest.fixture
def write(tmp_path):
    """Return a writer of files: `write(ROW)` gives the path."""

    def make(*rows, header=HEADER, encoding="utf-8"):
        path = tmp_path / "old.csv"
        path.write_bytes("\n".join([header, *rows, ""]).encode(encoding))
        return str(path)

    return make


def test_a_file_is_imported(run, office, write):
    """D1: by the command line, with the operator of the machine as its creator."""
    done = run("license", "import", write(ROW))
    assert (done.code, done.err) == (0, "")
    assert done.out == "1 imported, 0 there already, 0 with errors, 0 new accounts.\n"
    row = License.objects.get()
    assert (row.origin, row.created_by.partition(":")[0]) == ("legacy", "cli")


def test_a_second_run_skips_what_is_there(run, office, write):
    """D1"""
    run("license", "import", write(ROW))
    assert run("license", "import", write(ROW), "--json").json["known"] == 1
    assert License.objects.count() == 1


def test_a_dry_run_writes_nothing(run, office, write):
    """D1: and counts what a run would do."""
    done = run("license", "import", write(ROW), "--dry-run")
    assert (done.code, done.out) == (
        0,
        "1 to import, 0 there already, 0 with errors, 0 new accounts. Nothing was written.\n",
    )
    assert not License.objects.exists()


@pytest.mark.parametrize("option", [(), ("--dry-run",)])
def test_one_bad_row_refuses_all_and_is_named(run, office, write, option):
    """D1: nothing half imported; exit code 1."""
    done = run(
        "license", "import", write(ROW, ROW.replace("acme", "nobody").replace("OLD-1", "OLD-2")), *option
    )
    assert done.code == 1
    assert "line 3, account: There is no account “nobody”." in done.err
    assert not License.objects.exists()


def test_errors_can_be_had_as_json_and_as_a_file(run, office, write, tmp_path):
    """D1"""
    report = tmp_path / "errors.csv"
    path = write(ROW.replace("2027-12-31", "46387").replace("OLD-1", "=1+1"), ROW.replace("demo", "other"))
    done = run("license", "import", path, "--dry-run", "--json", "--errors", str(report))
    assert [(e["line"], e["column"], e["code"]) for e in done.json["errors"]] == [
        (2, "ends", "spreadsheet_day"),
        (3, "product", "unknown_product"),
    ]
    with report.open(newline="", encoding="utf-8") as file:
        assert [row["line"] for row in csv.DictReader(file)] == ["2", "3"]


def test_accounts_are_opened_when_asked(run, office, write):
    """D1, D5"""
    path = write(
        "demo,A,Initech Ltd,enterprise,2020-01-01,never", header=HEADER.replace("account", "account_name")
    )
    assert run("license", "import", path).code == 1
    assert run("license", "import", path, "--create-accounts").code == 0
    assert Account.objects.get(slug="initech-ltd").licenses.count() == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_standard_input_is_a_file_too(run, office, encoding):
    """D1"""
    assert run("license", "import", "-", stdin=f"{HEADER}\n{ROW}\n".encode(encoding)).code == 0


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ("product\n\u00e9".encode("latin-1"), "UTF-8"),
        (f"{HEADER}\n{ROW}".encode("utf-16"), "UTF-16"),
        (b"", "name the columns"),
        (b"product,colour\n", "colour"),
        (f'{HEADER}\n"demo'.encode(), "quotes"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(run, office, data, word):
    """D1: never a traceback."""
    done = run("license", "import", "-", stdin=data)
    assert (done.code, done.out) == (1, "")
    assert word in done.err


def test_a_file_that_is_not_there_is_wrong_usage(run, office, tmp_path):
    assert run("license", "import", str(tmp_path / "none.csv")).code == 2


def test_the_template_can_be_imported(run, office, write, tmp_path):
    """D1: what the example shows is what is read."""
    template = run("license", "import", "--template")
    path = tmp_path / "template.csv"
    path.write_text(template.out, encoding="utf-8")
    done = run("license", "import", str(path), "--create-accounts", "--json")
    assert (done.json["new"], done.json["accounts"]) == (2, 1)


def test_many_errors_are_cut_short_on_the_screen(run, office, write):
    done = run(
        "license", "import", write(*(f"demo,{n},nobody,enterprise,2020-01-01,never" for n in range(60)))
    )
    assert done.err.count("\n") == 51
    assert "and 10 more" in done.err
