"""The table in a real spreadsheet: LibreOffice reads it, without a formula among its texts."""

import asyncio
import csv
import shutil
import subprocess
from pathlib import Path

import pytest

from api_client.api import Api

AS_CSV = "44,34,76,1"
"""Commas, quotes, UTF-8, from the first line on."""
SOFFICE = shutil.which("soffice")
TEXTS = ("=1+1", "+1+1", "-1", "@SUM(1)", "=HYPERLINK(1)", 'say "hi", twice', "Zoë Ü", "two\nlines", "=two\nlines")


@pytest.mark.skipif(SOFFICE is None, reason="NOT RUN: LibreOffice is not installed")
async def test_libreoffice_shows_the_texts_as_they_are(api: Api, tmp_path: Path) -> None:
    for number, text in enumerate(TEXTS):
        await api.create(f"Product {number}", description=text)
    exported = tmp_path / "products.csv"
    exported.write_bytes((await api.http.get("/exports/products.csv")).content)
    await asyncio.to_thread(read_and_write, tmp_path, exported)
    with (tmp_path / "read" / "products.csv").open(newline="", encoding="utf-8") as file:
        shown = {row["name"]: row["description"] for row in csv.DictReader(file)}
    for number, text in enumerate(TEXTS):
        assert shown[f"Product {number}"].removeprefix("'") == text


def read_and_write(folder: Path, exported: Path) -> None:
    """Go through a spreadsheet, which would work a formula out."""
    assert SOFFICE is not None
    profile, read = (folder / "profile").as_uri(), folder / "read"
    for target, source in (("ods", exported), (f"csv:Text - txt - csv (StarCalc):{AS_CSV}", read / "products.ods")):
        command = [SOFFICE, "--headless", f"-env:UserInstallation={profile}", "--outdir", str(read)]
        reading = [f"--infilter=CSV:{AS_CSV}"] if source is exported else []
        subprocess.run([*command, *reading, "--convert-to", target, str(source)], check=True, timeout=120)
