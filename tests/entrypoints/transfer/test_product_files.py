"""Files of products: their products, and the reasons for lines that cannot be read."""

import io

import msgspec
import pytest

from entrypoints.http.exports import product_lines
from entrypoints.http.products.examples import LINE
from entrypoints.transfer.product_files import EXPORTED, FIELDS, LONGEST_LINE, ProductFile, ReadLine, UnreadableFile


def read(content: bytes, *, is_csv: bool = True, guarded: bool = True) -> list[ReadLine]:
    return list(ProductFile(io.BytesIO(content), is_csv, guarded).lines())


def told(content: bytes, *, is_csv: bool = True) -> list[tuple[int, str]]:
    """Return name or reason by line."""
    return [
        (line.number, line.product["name"] if line.product else line.reason) for line in read(content, is_csv=is_csv)
    ]


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_table_has_products_in_any_order_of_columns(bom: bytes, end: bytes) -> None:
    rows = [b'"description",name,id', '"two\nlines, ""quoted""",Zoë,'.encode(), b",Pan,2f6c1d1e", b"", b"x,Pot,"]
    file = bom + end.join(rows)
    assert [(line.number, line.product) for line in read(file)] == [
        (2, {"name": "Zoë", "description": 'two\nlines, "quoted"'}),
        (4, {"id": "2f6c1d1e", "name": "Pan", "description": ""}),
        (6, {"name": "Pot", "description": "x"}),
    ]


def test_a_line_that_is_no_row_is_told_and_the_next_ones_are_read() -> None:
    file = b'name,id\nPan,1\nPan,1,2\nP\xffn,\n"Pan"x,1\nlong,' + b"x" * 3 * LONGEST_LINE + b"\nPot,2\n"
    found = told(file)
    assert [number for number, _ in found] == [2, 3, 4, 5, 6, 7]
    assert found[0] == (2, "Pan")
    assert found[-1] == (7, "Pot")
    reasons = [reason for _, reason in found[1:-1]]
    assert reasons[0] == "it has 3 columns, and the header 2"
    assert "not UTF-8" in reasons[1]
    assert "not CSV" in reasons[2]
    assert "columns" in reasons[3]


def test_a_line_that_is_no_product_is_told_and_the_next_ones_are_read() -> None:
    lines = [
        b'{"name": "Pan"}',
        b"{",
        b"",
        b"[]",
        b'{"description": "x"}',
        b'{"name": 3}',
        b'{"name": "P\xff"}',
        b'{"name": "\\ud800"}',
        b'{"name": "' + b"x" * 3 * LONGEST_LINE + b'"}',
        b"[" * 100_000,
        b'{"name": "Pot", "id": null}',
    ]
    found = told(b"\xef\xbb\xbf" + b"\r\n".join(lines), is_csv=False)
    assert [number for number, _ in found] == [1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    assert [name for name in found if name[1] in ("Pan", "Pot")] == [(1, "Pan"), (11, "Pot")]
    texts = ["not JSON", "JSON object", "no name", "must be texts", "UTF-8", "surrogate", "too long", "not JSON"]
    for (_, reason), text in zip(found[1:-1], texts, strict=True):
        assert text in reason


def test_guards_of_spreadsheets_are_no_part_of_the_text() -> None:
    texts = {"'=1+1": "=1+1", "'-": "-", "'@x": "@x", "'tis": "'tis", "''=": "''=", "=1": "=1", "'": "'"}
    file = "\n".join(["name,description", *(f"x,{text}" for text in texts)]).encode()
    assert [line.product["description"] for line in read(file) if line.product] == list(texts.values())
    kept = [line.product["description"] for line in read(file, guarded=False) if line.product]
    assert kept == list(texts)


@pytest.mark.parametrize("header", [b"", b"description,id\nx,1", b"name,name\nx,1", b'"name"x\ny', b"name;id\nx;1"])
def test_a_file_without_names_is_no_file_of_products(header: bytes) -> None:
    with pytest.raises(UnreadableFile):
        read(header)


def test_other_columns_of_exports_are_ignored_and_remembered() -> None:
    table = ProductFile(io.BytesIO(b"name,best_offer_price,stale\nPan,3,x\n"), is_csv=True)
    assert [line.product for line in table.lines()] == [{"name": "Pan", "description": ""}]
    assert table.ignored == {"best_offer_price", "stale"}


def test_columns_of_exports_are_known() -> None:
    columns = {name.strip('"') for name in product_lines.HEADER.decode().strip().split(",")}
    assert columns <= {*FIELDS, *EXPORTED}
    assert set(msgspec.json.decode(LINE)) <= {*FIELDS, *EXPORTED}


def test_misspelt_columns_and_fields_are_refused() -> None:
    with pytest.raises(UnreadableFile, match="descripton"):
        read(b"name,descripton\nPan,lost\n")
    assert "descripton" in told(b'{"name": "Pan", "descripton": "lost"}', is_csv=False)[0][1]


@pytest.mark.parametrize("bad", [b'Stray,"open', b'Stray,"open" shut', b'"Stray,open'])
@pytest.mark.parametrize("following", [b"Pan %d,d", b'"Pan %d","two\nlines, ""quoted"""'])
def test_a_quote_that_nothing_closes_costs_its_own_line_alone(bad: bytes, following: bytes) -> None:
    rows = [following % number for number in range(3_000)]
    found = told(b"\n".join([b"name,description", *rows[:10], bad, *rows[10:]]))
    assert [name for _, name in found if name.startswith("Pan")] == [f"Pan {number}" for number in range(3_000)]
    assert "not CSV" in found[10][1]


def test_a_quote_within_a_text_without_quotes_opens_nothing() -> None:
    rows = [b'Monitor 24",d' if number % 5 == 0 else b"Pan %d,d" % number for number in range(100)]
    found = told(b"\n".join([b"name,description", *rows]))
    assert [number for number, _ in found] == list(range(2, 102))
    assert [name for _, name in found] == [row.partition(b",")[0].decode() for row in rows]
