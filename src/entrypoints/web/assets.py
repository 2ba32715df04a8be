"""The files that pages load, read once at start: small, named by their content, and kept by browsers for a year."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litestar import Request, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from entrypoints.http.conditional_reads import IF_NONE_MATCH, matches
from entrypoints.http.route_declarations import PUBLIC, Injected

FOLDER = Path(__file__).with_name("static")
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent."""

    body: bytes
    compressed: bytes
    media_type: str
    digest: str


class Assets:
    """All files of the folder."""

    def __init__(self) -> None:
        files = [path for path in FOLDER.iterdir() if path.suffix in _TYPES]
        self._assets = {path.name: _read(path) for path in files}

    def url(self, name: str) -> str:
        """Return the path of the file for pages; a changed file has another one."""
        return f"/static/{name}?v={self._assets[name].digest}"

    def __getitem__(self, name: str) -> Asset:
        """Return a file.

        Raises:
            NotFoundException
        """
        if name not in self._assets:
            raise NotFoundException
        return self._assets[name]


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    digest = hashlib.sha256(body).hexdigest()[:12]
    return Asset(body, gzip.compress(body, 9, mtime=0), _TYPES[path.suffix], digest)


@get("/static/{name:str}", include_in_schema=False, opt=PUBLIC)
async def show_asset(request: Request[Any, Any, Any], name: FromPath[str], assets: Injected[Assets]) -> ASGIResponse:
    """Answer with one of the files."""
    asset = assets[name]
    # While a release replaces processes, an old one may be asked for a new file.
    kept = _FOREVER if request.query_params.get("v") == asset.digest else "no-cache"
    headers = {"Cache-Control": kept, "ETag": f'"{asset.digest}"', "Vary": "Accept-Encoding"}
    if matches(request.headers.getall(IF_NONE_MATCH, []), headers["ETag"]):
        return ASGIResponse(status_code=304, headers=headers)
    body = asset.body
    if accepts_gzip(request):
        body, headers["Content-Encoding"] = asset.compressed, "gzip"
    return ASGIResponse(body=body, headers=headers | {"Content-Type": asset.media_type})


def accepts_gzip(request: Request[Any, Any, Any]) -> bool:
    """Return whether the client reads gzip (RFC 9110, 12.5.3)."""
    codings = (coding.replace(" ", "") for coding in request.headers.get("Accept-Encoding", "").split(","))
    return any(coding.startswith("gzip") and not coding.endswith((";q=0", ";q=0.0")) for coding in codings)
