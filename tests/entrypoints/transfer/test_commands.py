"""`aggregator import` and `aggregator export` as they are run: against an API that listens, with its exit codes."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from api_client.api import PASSWORD, USERNAME, Outside
from api_client.server import Served, served
from entrypoints.cli import main
from entrypoints.transfer.importing import MOST_PRODUCTS


@dataclass(frozen=True)
class Ran:
    code: int
    out: bytes
    err: str


@pytest.fixture
async def shop() -> AsyncIterator[Served]:
    # The log would be written to the output of the command.
    with capture_logs():
        async with served(Outside()) as api:
            yield api


async def run(shop: Served, *arguments: object, **environment: str) -> Ran:
    """Run the command in a thread, while the API answers it."""
    given: dict[str, str | None] = {"AGGREGATOR_KEY": None, "AGGREGATOR_URL": f"http://127.0.0.1:{shop.port}"}
    given |= {"AGGREGATOR_USERNAME": USERNAME, "AGGREGATOR_PASSWORD": PASSWORD}
    invoke = partial(CliRunner().invoke, main, [str(each) for each in arguments], env=given | environment)
    result = await asyncio.to_thread(invoke)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ran(result.exit_code, result.stdout_bytes, result.stderr)


async def names(shop: Served) -> set[str]:
    async with shop.client() as client:
        return {each["name"] for each in (await client.get("/products", params={"limit": 100})).json()["items"]}


async def test_what_is_exported_can_be_imported_elsewhere_and_is_the_same(shop: Served, tmp_path: Path) -> None:
    first = tmp_path / "first.ndjson"
    first.write_text('{"name": "Zoë", "description": "=1+1"}\n{"name": "Pan", "description": "two\\nlines"}\n')
    imported = await run(shop, "import", first)
    assert (imported.code, imported.err) == (0, "2 created, 0 refused.\n")
    for format_ in ("csv", "ndjson"):
        file = tmp_path / f"exported.{format_}"
        exported = await run(shop, "export", "products", "--output", file)
        assert (exported.code, exported.out, exported.err) == (0, b"", "2 lines.\n")
        async with served(Outside()) as other:
            again = await run(other, "import", file)
            assert again.code == 0
            assert "Ignored" in again.err
            there, here = [await run(api, "export", "products", "--format", "ndjson") for api in (other, shop)]
            texts = [[line.split(b',"created_at"')[0] for line in ran.out.splitlines()] for ran in (there, here)]
            assert texts[0] == texts[1]
            assert len(texts[0]) == 2


async def new_key(shop: Served, *scopes: str) -> str:
    async with shop.client() as client:
        login = await client.post("/login", json={"username": USERNAME, "password": PASSWORD})
        headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
        created = await client.post("/keys", json={"name": "Transfer", "scopes": scopes}, headers=headers)
    return str(created.json()["key"])


async def test_a_key_is_enough_for_what_its_scopes_are_for(shop: Served, tmp_path: Path) -> None:
    file = tmp_path / "products.ndjson"
    file.write_text('{"name": "Pan"}\n')
    writing, reading = [await new_key(shop, scope) for scope in ("catalogue:write", "synchronisation:read")]
    no_login = {"AGGREGATOR_USERNAME": "", "AGGREGATOR_PASSWORD": ""}
    assert (await run(shop, "import", file, **no_login, AGGREGATOR_KEY=writing)).err == "1 created, 0 refused.\n"
    refused = await run(shop, "import", file, **no_login, AGGREGATOR_KEY=reading)
    assert (refused.code, "The key lacks the scope `catalogue:write`" in refused.err) == (4, True)
    exporting = ("export", "products", "--attention")
    assert (await run(shop, *exporting, **no_login, AGGREGATOR_KEY=reading)).code == 0
    refused = await run(shop, *exporting, **no_login, AGGREGATOR_KEY=writing)
    assert (refused.code, "The key lacks the scope `synchronisation:read`" in refused.err) == (4, True)


async def test_each_refused_line_is_told_and_another_run_doubles_nothing(shop: Served, tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_bytes(b'name,stale\r\nPan,1\r\nPan,2\r\n,3\r\nP\xff,1\r\nPot,1\r\n"Lid\r\n')
    ran = await run(shop, "import", file)
    assert ran.code == 1
    assert {line.partition(":")[0] for line in ran.err.splitlines() if line.startswith("line ")} == {
        f"line {number}" for number in (3, 4, 5, 7)
    }
    assert "2 created, 4 refused." in ran.err
    again = await run(shop, "import", file)
    assert (again.code, "0 created, 6 refused." in again.err) == (1, True)
    assert await names(shop) == {"Pan", "Pot"}


async def test_a_long_file_comes_in_batches(shop: Served, tmp_path: Path) -> None:
    file = tmp_path / "products.ndjson"
    file.write_text("".join(f'{{"name": "Product {number}"}}\n' for number in range(MOST_PRODUCTS + 1)))
    assert (await run(shop, "import", file)).err == f"{MOST_PRODUCTS + 1} created, 0 refused.\n"


async def test_prices_are_exported_to_standard_output(shop: Served, tmp_path: Path) -> None:
    file = tmp_path / "products.ndjson"
    file.write_text('{"name": "Pan", "id": "2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11"}\n{"name": "Pot"}\n')
    await run(shop, "import", file)
    ran = await run(shop, "export", "price-history", "--format", "csv", "--id", "2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11")
    header, row = ran.out.splitlines()
    assert (ran.code, ran.err) == (0, "1 lines.\n")
    assert header == b'"product_id","from","to","state","price","known_until"'
    assert row.startswith(b'"2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11",')


async def test_filters_go_along(shop: Served, tmp_path: Path) -> None:
    file = tmp_path / "products.ndjson"
    file.write_text('{"name": "Pan"}\n{"name": "Pot"}\n')
    await run(shop, "import", file)
    for options, count in ((("--q", "pan"), 1), (("--in-stock",), 0), (("--attention",), 0), ((), 2)):
        assert (await run(shop, "export", "products", *options)).out.count(b"\n") == count


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "told"),
    [
        (("import", "{file}"), {"AGGREGATOR_PASSWORD": "wrong"}, 4, "Check AGGREGATOR_KEY"),
        (("import", "{file}"), {"AGGREGATOR_PASSWORD": ""}, 4, "set AGGREGATOR_KEY"),
        (("import", "{file}"), {"AGGREGATOR_KEY": "no"}, 4, "Check AGGREGATOR_KEY"),
        (("import", "{file}.missing"), {}, 2, "does not exist"),
        (("import", "{folder}/other.txt"), {}, 2, "--format"),
        (("import", "{folder}/other.txt", "--format", "csv"), {}, 2, "first line must name the columns"),
        (("export", "products", "--resume"), {}, 2, "--output"),
        (("export", "products", "--min-price", "2", "--max-price", "1"), {}, 2, "lowest price"),
        (("export", "price-history", "--from", "yesterday"), {}, 2, "from: "),
        (("export", "products", "--url", "http://admin:secret@shop.test"), {}, 2, "without a password"),
        (("export", "products", "--url", "shop.test"), {}, 2, "must be a URL"),
        (("export", "products", "--url", "{url}/elsewhere"), {}, 3, "Check --url"),
    ],
)
async def test_each_way_to_fail_has_its_exit_code_and_says_what_to_do(
    shop: Served, tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], code: int, told: str
) -> None:
    file, other = tmp_path / "products.ndjson", tmp_path / "other.txt"
    file.write_text('{"name": "Pan"}\n')
    other.write_text("something else\n")
    filled = [each.format(file=file, folder=tmp_path, url=f"http://127.0.0.1:{shop.port}") for each in arguments]
    ran = await run(shop, *filled, **environment)
    assert (ran.code, told in " ".join(ran.err.split())) == (code, True), ran.err
    assert "secret" not in ran.err


async def test_an_export_that_cannot_be_written_says_so(shop: Served, tmp_path: Path) -> None:
    ran = await run(shop, "export", "products", "--output", tmp_path / "missing" / "x.csv")
    assert (ran.code, ran.out) == (5, b"")
    assert "cannot be written: No such file or directory" in ran.err


async def test_a_part_of_the_other_format_is_not_gone_on_with(shop: Served, tmp_path: Path) -> None:
    part = tmp_path / "x.ndjson.part"
    part.write_text('"id","name"\n')
    ran = await run(shop, "export", "products", "--output", tmp_path / "x.ndjson", "--resume")
    assert ran.code == 2
    assert "not NDJSON" in ran.err
    assert part.read_text() == '"id","name"\n'


def test_the_commands_import_nothing_of_the_server() -> None:
    code = (
        "import sys; import entrypoints.cli, entrypoints.transfer.importing, entrypoints.transfer.exporting;"
        "print([name for name in sys.modules if name.split('.')[0] in"
        " ('litestar', 'sqlalchemy', 'msgspec', 'asyncpg', 'dishka', 'adapters', 'application', 'domain')])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"[]\n"
