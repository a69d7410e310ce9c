"""A list as a CSV file: both ways of writing it give the same cells, piece by piece."""

from __future__ import annotations

import csv
from io import StringIO

import pytest
from django.db.models.functions import Lower
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.kit import exporting
from config.kit.csv import csv_lines, safe_cell
from config.kit.exporting import ROWS_A_PIECE, Cell, Column, export_pieces
from licenses.models import Product
from licenses.services.catalogue import product_create

pytestmark = pytest.mark.django_db

COLUMNS = (
    Column("Id", "uid", Cell.UID),
    Column("Name", "name", Cell.TEXT),
    Column("Label", Lower("seat_label"), Cell.TEXT),
    Column("Key", "product_key"),
    Column("Number", "pk", Cell.NUMBER),
    Column("Active", "active", Cell.FLAG),
    Column("Created", "created_at", Cell.INSTANT),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12) | st.builds(
    "{}{}".format,
    st.sampled_from(["=", "+", "-", "@", "\t", "\r", "'", '"', ",", "\n", "\\", "a="]),
    st.text('ab,"\n=', max_size=6),
)


def parsed(text):
    return list(csv.reader(StringIO(text, newline="")))


def written(rows):
    return b"".join(export_pieces(rows, COLUMNS, str)).decode()


@pytest.fixture
def product(at):
    return product_create(product_key="demo", name="Demo", actor="cli:test", at=at)


def test_a_row_is_its_id_and_its_cells(product):
    """D10"""
    head, row = parsed(written(Product.objects.order_by("pk")))
    assert head == ["Id", "Name", "Label", "Key", "Number", "Active", "Created"]
    assert row == [str(product.uid), "Demo", "seats", "demo", str(product.pk), "yes", "2026-03-02T09:30:00Z"]


def test_lines_end_as_files_of_the_web_do(product):
    """RFC 4180"""
    assert written(Product.objects.order_by("pk")).count("\r\n") == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(name=TEXTS, label=TEXTS)
def test_any_text_becomes_the_cell_that_the_kit_makes(product, name, label):
    """D10: no cell is a formula, whichever way the file is written."""
    Product.objects.update(name=name, seat_label=label)
    row = parsed(written(Product.objects.order_by("pk")))[1]
    kept = Product.objects.annotate(lowered=Lower("seat_label")).get()
    assert row[1:3] == parsed("".join(csv_lines((), [(kept.name, kept.lowered)])))[1]
    assert row[1] == safe_cell(kept.name)


@pytest.mark.postgres
def test_both_ways_of_writing_agree(product):
    """D10"""
    Product.objects.update(name="=1", active=False, seat_label="")
    rows = Product.objects.order_by("pk")
    header = [column.header for column in COLUMNS]
    slowly = "".join(csv_lines(header, exporting._read(rows, COLUMNS, str)))
    assert parsed(slowly) == parsed(written(rows))


@pytest.fixture
def many(at):
    count = 2 * ROWS_A_PIECE + 1
    Product.objects.bulk_create(
        Product(slug=f"p{n}", product_key=f"p{n}", name="P", audience="p", created_at=at)
        for n in range(count)
    )
    return count


def test_a_long_file_comes_in_pieces(many):
    """D10: in constant memory."""
    pieces = list(export_pieces(Product.objects.order_by("pk"), COLUMNS, str))
    assert len(pieces) >= 3
    assert max(piece.count(b"\r\n") for piece in pieces) <= ROWS_A_PIECE + 1
    assert len(parsed(b"".join(pieces).decode())) == many + 1


def test_the_file_follows_the_order_of_the_list(product, at):
    """D10"""
    product_create(product_key="another", name="Another", actor="cli:test", at=at)
    assert [row[1] for row in parsed(written(Product.objects.order_by("name")))[1:]] == ["Another", "Demo"]
    assert [row[1] for row in parsed(written(Product.objects.order_by("-name")))[1:]] == ["Demo", "Another"]


def test_no_rows_are_a_file_with_a_head(db):
    """D10"""
    assert parsed(written(Product.objects.none())) == parsed(written(Product.objects.all()))


def test_a_download_that_is_broken_off_leaves_the_connection_in_order(many):
    """D10"""
    pieces = export_pieces(Product.objects.order_by("pk"), COLUMNS, str)
    assert next(pieces)
    assert next(pieces)
    pieces.close()
    assert Product.objects.count() == many
