"""`aggregator import` and `aggregator export`: catalogues in and out of any deployment, over HTTP.

They import nothing of the server, so that they start at once.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

Function = TypeVar("Function", bound=Callable[..., Any])

_CSV_ENDINGS = (".csv",)
_NDJSON_ENDINGS = (".ndjson", ".jsonl")
_ENVIRONMENT = (
    "Credentials, from the environment: AGGREGATOR_KEY, or AGGREGATOR_USERNAME and AGGREGATOR_PASSWORD. "
    "Exit codes: 0 all done, 1 something was refused, 2 wrong usage, 3 the service cannot be reached or fails, "
    "4 not allowed, 5 the export cannot be written, 130 interrupted."
)
_FILE = click.Path(dir_okay=False, path_type=Path)


def _url(_context: click.Context, _parameter: click.Parameter, url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.BadParameter("It must be a URL, as https://catalogue.example.")
    if parts.password or parts.username:
        # Others could read it in the list of processes.
        raise click.BadParameter("It must be without a password; set AGGREGATOR_USERNAME and AGGREGATOR_PASSWORD.")
    return url


_with_url = click.option(
    "--url",
    envvar="AGGREGATOR_URL",
    default="http://127.0.0.1:8080",
    show_default=True,
    show_envvar=True,
    callback=_url,
    help="The service.",
)
_with_format = click.option(
    "--format", "format_", type=click.Choice(["csv", "ndjson"]), help="Unless the file's name shows it."
)
_with_output = click.option("--output", type=_FILE, help="The file to write; standard output unless given.")
_with_ids = click.option("--id", "ids", type=click.UUID, multiple=True, help="Only this product; may be repeated.")
_with_raw = click.option("--raw", is_flag=True, help="CSV: no ' before text that spreadsheets take for a formula.")


@click.command("import", epilog=_ENVIRONMENT)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_with_format
@click.option("--raw", is_flag=True, help="CSV: keep a ' before text that spreadsheets take for a formula.")
@_with_url
def import_products(file: Path, format_: str | None, url: str, *, raw: bool) -> None:
    """Create the products of FILE, a CSV with a header row or NDJSON: name, and if you like description and id.

    Each refused line is reported by its number, and the others are imported. Products that exist already are refused,
    so it may be run again.
    """
    is_csv = _is_csv(file, format_)
    if is_csv is None:
        raise click.UsageError("Name the file .csv or .ndjson, or give its --format.")
    from entrypoints.transfer.credentials import required_credentials
    from entrypoints.transfer.failures import REFUSED
    from entrypoints.transfer.importing import Import
    from entrypoints.transfer.progress import display
    from entrypoints.transfer.service import Service

    credentials = required_credentials()
    with (
        _interruptible(),
        display(file.stat().st_size) as shown,
        closing(Service(url, credentials, shown.tell)) as service,
    ):
        run = Import(service, shown)
        run(file, is_csv=is_csv, guarded=not raw)
    click.echo(f"{run.created} created, {run.refused} refused.", err=True)
    if run.refused:
        sys.exit(REFUSED)


@click.group()
def export() -> None:
    """Write the whole catalogue, or its prices over time, to a file or to standard output."""


@export.command(epilog=_ENVIRONMENT)
@_with_format
@_with_output
@click.option("--resume", is_flag=True, help="Go on with the --output that an earlier run left unfinished.")
@_with_raw
@click.option("--q", metavar="WORDS", help="Only products with these words.")
@click.option("--in-stock", is_flag=True, help="Only products that an offer has in stock.")
@click.option("--min-price", type=click.IntRange(min=0), help="The lowest best price.")
@click.option("--max-price", type=click.IntRange(min=0), help="The highest best price.")
@click.option("--registration", type=click.Choice(["pending", "registered", "rejected", "conflict"]))
@click.option("--attention", is_flag=True, help="For admins: only products that need attention.")
@_with_ids
@_with_url
def products(
    format_: str | None,
    output: Path | None,
    url: str,
    ids: tuple[Any, ...],
    *,
    resume: bool,
    raw: bool,
    in_stock: bool,
    attention: bool,
    **given: Any,
) -> None:
    """Write all products with their best offers, in the order of their ids, as they are at one moment."""
    if resume and output is None:
        raise click.UsageError("--resume goes on with the --output of an earlier run: give that, too.")
    switches = {"in_stock": in_stock, "attention": attention}
    query = {**given, **{name: "true" for name, on in switches.items() if on}, "id": [str(id) for id in ids]}
    _export("products", url, format_, output, query, raw=raw, by_id=True, resume=resume)


@export.command("price-history", epilog=_ENVIRONMENT)
@_with_format
@_with_output
@_with_raw
@click.option("--from", "start", metavar="TIME", help="As 2026-11-26T08:30:00Z; 7 days before the end unless given.")
@click.option("--to", "end", metavar="TIME", help="Now unless given; at most 31 days later.")
@_with_ids
@_with_url
def price_history(
    format_: str | None,
    output: Path | None,
    url: str,
    start: str | None,
    end: str | None,
    ids: tuple[Any, ...],
    *,
    raw: bool,
) -> None:
    """Write every change of the best prices of all products, or of those with the given ids."""
    query = {"from": start, "to": end, "id": [str(id) for id in ids]}
    _export("price-history", url, format_, output, query, raw=raw, by_id=False, resume=False)


def _export(
    what: str,
    url: str,
    format_: str | None,
    output: Path | None,
    query: Mapping[str, Any],
    *,
    raw: bool,
    by_id: bool,
    resume: bool,
) -> None:
    from entrypoints.transfer.credentials import given_credentials
    from entrypoints.transfer.exporting import Export
    from entrypoints.transfer.progress import display
    from entrypoints.transfer.service import Service

    is_csv = bool(_is_csv(output, format_))
    sent = {name: value for name, value in query.items() if value is not None}
    if raw and is_csv:
        sent["raw"] = "true"
    with _interruptible(), display() as shown:
        path = f"exports/{what}.{'csv' if is_csv else 'ndjson'}"
        with closing(Service(url, given_credentials(), shown.tell)) as service:
            run = Export(service, shown, path, sent, is_csv, by_id)
            if output is None:
                run.to_stdout()
            else:
                run.to_file(output, resume=resume)
    click.echo(f"{run.lines.count - is_csv} lines.", err=True)


def _is_csv(file: Path | None, format_: str | None) -> bool | None:
    """Return whether it is CSV and not NDJSON; None if neither the format nor the file's name says so."""
    if format_ is not None:
        return format_ == "csv"
    ending = file.suffix.lower() if file else ""
    return ending in _CSV_ENDINGS if ending in (*_CSV_ENDINGS, *_NDJSON_ENDINGS) else None


@contextmanager
def _interruptible() -> Iterator[None]:
    from entrypoints.transfer.failures import INTERRUPTED, NotWritten

    try:
        yield
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader has enough, as `head`. Python would complain at its end that it cannot flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        raise NotWritten(f"The export cannot be written: {error.strerror or error}.") from error
