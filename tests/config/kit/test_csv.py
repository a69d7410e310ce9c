from __future__ import annotations

import csv
from datetime import UTC, datetime

import pytest

from config.kit.csv import csv_lines, csv_response, safe_cell


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_is_led_by_an_apostrophe(start):
    assert safe_cell(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"


def test_numbers_instants_and_nothing_keep_their_meaning():
    values = [-3, 2.5, None, True, datetime(2026, 3, 2, 9, 30, tzinfo=UTC)]
    assert [safe_cell(value) for value in values] == [-3, 2.5, "", "yes", "2026-03-02T09:30:00Z"]


def test_every_row_comes_out_as_it_went_in():
    rows = [(number, f'line {number}, "quoted"\nand broken') for number in range(1201)]
    read = list(csv.reader("".join(csv_lines(["n", "text"], rows)).splitlines(keepends=True)))
    assert read[0] == ["n", "text"]
    assert read[1:] == [[str(number), text] for number, text in rows]


def test_the_first_piece_comes_before_the_last_row_is_read():
    def endless():
        while True:
            yield [1]

    assert next(csv_lines(["n"], endless())).startswith("n\r\n1\r\n")


def test_a_download_has_its_name_and_is_not_stored():
    answer = csv_response("licenses.csv", ["n"], [[1]])
    assert b"".join(answer.streaming_content) == b"n\r\n1\r\n"
    assert answer["Content-Disposition"] == 'attachment; filename="licenses.csv"'
    assert answer["Cache-Control"] == "no-store"
