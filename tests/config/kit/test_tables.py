"""Reading CSV: what people and spreadsheets write, and what is refused."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.kit.csv import csv_lines
from config.kit.tables import BadTable, Bounds, Columns, decoded, has_header, table_lines

COLUMNS = Columns(("account", "plan", "comment"), ("account",), {"customer": "account"})


def cells(text, **bounds):
    return [line.cells for line in table_lines(text, COLUMNS, Bounds(**bounds))]


def code_of(text, **bounds):
    with pytest.raises(BadTable) as refused:
        list(table_lines(text, COLUMNS, Bounds(**bounds)))
    return refused.value.errors[0].code


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_delimiter_and_line_end_is_read(mark, end):
    """D1"""
    text = end.join([f"account{mark}plan", f"acme{mark}pro", f"globex{mark}", ""])
    assert cells(text) == [{"account": "acme", "plan": "pro"}, {"account": "globex"}]


def test_a_cell_may_hold_what_separates():
    """D1"""
    text = 'account,comment\nacme,"one, two; three\nand ""four"""\n'
    assert cells(text) == [{"account": "acme", "comment": 'one, two; three\nand "four"'}]


def test_names_of_columns_are_read_as_people_write_them():
    """D1: in any case, with spaces, under another name, quoted."""
    assert cells('"Customer", PLAN,,\nacme,pro,,\n') == [{"account": "acme", "plan": "pro"}]


def test_a_line_is_known_by_the_number_it_has_in_the_file():
    """D1: empty lines and line breaks in a cell count."""
    text = 'account,comment\n\nacme,"a\nb"\n,\nglobex,\n'
    assert [line.number for line in table_lines(text, COLUMNS)] == [3, 6]


def test_the_hint_of_a_spreadsheet_is_understood():
    assert cells("sep=;\r\naccount;plan\r\nacme;a,b\r\n") == [{"account": "acme", "plan": "a,b"}]
    assert [line.number for line in table_lines("sep=;\naccount\nacme", COLUMNS)] == [3]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("account\n\u00e9".encode("latin-1"), "Line 2 is not UTF-8 (byte 0xE9)"),
        ("account\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04", "Excel"),
        (b"\xd0\xcf\x11\xe0", "old Excel"),
    ],
)
def test_another_encoding_is_said(data, sentence):
    """D1"""
    with pytest.raises(BadTable) as refused:
        decoded(data)
    assert sentence in refused.value.detail


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf_8_is_read_with_and_without_a_mark(encoding):
    """D1"""
    assert cells(decoded("account\nB\u00fccher\n".encode(encoding))) == [{"account": "B\u00fccher"}]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "no_header"),
        ("acme\nglobex", "no_header"),
        ("account,colour\nacme,red", "unknown_column"),
        ("account,customer\nacme,acme", "column_twice"),
        ("plan\npro", "column_missing"),
        ('account\n"acme', "malformed"),
        ('account,plan\n"acme"x,pro', "malformed"),
        ("sep=|\naccount|plan", "bad_delimiter"),
        ("account\n" + "x" * 200_000, "malformed"),
        ("account\na\nb\nc\nd", "too_many_rows"),
    ],
)
def test_a_file_that_is_no_table_is_refused(text, code):
    """D1"""
    assert code_of(text, rows=3) == code


def test_the_columns_of_our_own_report_are_left_out():
    """D1: it is mended and sent again as it is."""
    assert cells("account,line,error\nacme,7,There is no account\n") == [{"account": "acme"}]


@pytest.mark.parametrize(
    ("row", "code"),
    [("acme,pro,x,y", "too_many_cells"), ("acme,\x07", "control_character"), ("a" * 11, "too_long")],
)
def test_what_is_wrong_with_one_row_stands_in_it(row, code):
    """D1: the others are read."""
    lines = list(table_lines(f"account,plan,comment\n{row}\nglobex\n", COLUMNS, Bounds(cell=10)))
    assert (lines[0].problem.code, lines[1].problem) == (code, None)


def test_a_list_without_header_is_known_for_one():
    assert has_header("Account;Plan\nacme;pro", COLUMNS)
    assert not has_header("acme\nglobex", COLUMNS)


@given(st.binary(max_size=300))
def test_no_file_is_more_than_refused(data):
    """D1: never anything but rows or a sentence."""
    try:
        lines = list(table_lines(decoded(data), COLUMNS))
    except BadTable:
        return
    assert all(line.cells for line in lines)


WORDS = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=20).map(str.strip)


@given(st.lists(st.tuples(WORDS.filter(bool), WORDS), max_size=5), st.sampled_from([",", ";", "\t"]))
def test_what_a_writer_wrote_is_read_back(rows, mark):
    """D1"""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=mark)
    writer.writerows([("account", "plan"), *rows])
    read = [(line.get("account", ""), line.get("plan", "")) for line in cells(file.getvalue(), cell=100)]
    assert read == [(plain(account), plain(plan)) for account, plan in rows]


@given(st.lists(WORDS.filter(bool), max_size=5))
def test_our_own_exports_can_be_read_back(names):
    """D1: the apostrophe that keeps a spreadsheet from running a cell is taken off again."""
    text = "".join(csv_lines(["account"], [[name] for name in names]))
    assert [line["account"] for line in cells(text, cell=100)] == [plain(name) for name in names]


def plain(text):
    """As it is read: our apostrophe in front of a formula is not part of it."""
    return text[1:].strip() if text[:1] == "'" and text[1:2] in {"=", "+", "-", "@"} else text
