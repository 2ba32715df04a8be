"""Exports to files: whole lines only, going on where they were cut, under their name only when they are whole."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from entrypoints.transfer.exporting import CUTS, Export
from entrypoints.transfer.failures import ServiceFailed
from entrypoints.transfer.progress import display
from entrypoints.transfer.service import Service

IDS = [UUID(int=number) for number in range(3)]
HEADER = b'"id","name"\r\n'
CSV = [b'"%b","two\r\nlines, ""quoted"""\r\n' % str(id).encode() for id in IDS]
NDJSON = [b'{"id":"%b","name":"say \\"hi"}\n' % str(id).encode() for id in IDS]


class Cut(httpx.SyncByteStream):
    """A body that ends too early, if it does."""

    def __init__(self, body: bytes, cut_at: int | None) -> None:
        self._body, self._cut_at = body, cut_at

    def __iter__(self) -> Iterator[bytes]:
        part = self._body[: self._cut_at]
        for begin in range(0, len(part), 7):
            yield part[begin : begin + 7]
        if self._cut_at is not None:
            raise httpx.RemoteProtocolError("incomplete chunked read")


@dataclass
class Deployment:
    """Exports the lines, each answer cut after so many bytes, the last one whole."""

    lines: list[bytes]
    header: bytes = b""
    cuts: list[int] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        transport = httpx.MockTransport(self)
        self.service = Service("http://shop.test", None, lambda _: None, transport=transport, sleep=lambda _: None)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        after = request.url.params.get("after")
        self.asked.append(after)
        rest = [line for id, line in zip(IDS, self.lines, strict=True) if after is None or id > UUID(after)]
        return httpx.Response(200, stream=Cut(self.header + b"".join(rest), self.cuts.pop(0) if self.cuts else None))


def run(deployment: Deployment, output: Path, *, resume: bool = False, by_id: bool = True) -> int:
    with display() as shown:
        export = Export(deployment.service, shown, "exports/products", {"q": "x"}, bool(deployment.header), by_id)
        export.to_file(output, resume=resume)
    return export.lines.count


@pytest.fixture(params=["csv", "ndjson"])
def deployment(request: pytest.FixtureRequest) -> Deployment:
    return Deployment(CSV, HEADER) if request.param == "csv" else Deployment(NDJSON)


def whole(deployment: Deployment) -> bytes:
    return deployment.header + b"".join(deployment.lines)


def test_a_cut_export_goes_on_behind_its_last_whole_line(deployment: Deployment, tmp_path: Path) -> None:
    output = tmp_path / "products"
    # In the middle of anything: a header, an id, a quoted line break.
    for cut in range(0, len(whole(deployment)), 5):
        deployment.cuts, deployment.asked = [cut], []
        run(deployment, output)
        assert output.read_bytes() == whole(deployment), cut
        assert len(deployment.asked) == 2
        assert not output.with_name("products.part").exists()


def test_progress_makes_patient_and_none_does_not(deployment: Deployment, tmp_path: Path) -> None:
    output = tmp_path / "products"
    deployment.cuts = [len(deployment.header + deployment.lines[0])] * len(IDS)
    run(deployment, output)
    assert output.read_bytes() == whole(deployment)
    deployment.cuts = [0] * (CUTS + 1)
    with pytest.raises(ServiceFailed, match="--resume"):
        run(deployment, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_later_run_resumes_what_an_earlier_one_left(deployment: Deployment, tmp_path: Path) -> None:
    output = tmp_path / "products"
    for left in range(len(whole(deployment)) - 1, 0, -5):
        output.with_name("products.part").write_bytes(whole(deployment)[:left])
        deployment.asked = []
        run(deployment, output, resume=True)
        assert output.read_bytes() == whole(deployment), left
        assert len(deployment.asked) == 1
    output.with_name("products.part").write_bytes(b"something else")
    deployment.asked = []
    run(deployment, output)
    assert (deployment.asked, output.read_bytes()) == ([None], whole(deployment))


def test_without_ids_a_cut_export_begins_again(deployment: Deployment, tmp_path: Path) -> None:
    output = tmp_path / "prices"
    deployment.cuts = [len(whole(deployment)) - 3, 40]
    count = run(deployment, output, by_id=False)
    assert output.read_bytes() == whole(deployment)
    assert count == len(IDS) + bool(deployment.header)
    assert deployment.asked == [None] * 3
    deployment.cuts = [100] * (CUTS + 1)
    with pytest.raises(ServiceFailed, match="shorter window"):
        run(deployment, output, by_id=False)
    assert output.read_bytes() == whole(deployment)
