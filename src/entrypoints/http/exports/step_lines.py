"""Steps of best prices as lines: JSON, or rows of a table."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from application.prices.export import ExportedStep
from domain.prices.price import PriceState
from entrypoints.http.exports.csv_lines import Cell, csv_lines
from entrypoints.http.exports.parameters import CSV, NDJSON, example

HEADER = csv_lines([("product_id", "from", "to", "state", "price", "known_until")], raw=True)


class StepLine(msgspec.Struct, frozen=True):
    """One price of a product in `[from, to)`; only the price still in force has `known_until`."""

    product_id: UUID
    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    state: PriceState
    price: int | None
    known_until: datetime | None


_ENCODER = msgspec.json.Encoder()


def ndjson_of_steps(steps: Sequence[ExportedStep]) -> bytes:
    """Write each step as JSON on a line of its own."""
    return _ENCODER.encode_lines([_line(step) for step in steps])


def csv_of_steps(steps: Sequence[ExportedStep], *, raw: bool) -> bytes:
    """Write each step as a row."""
    return csv_lines((_row(step) for step in steps), raw=raw)


def _line(step: ExportedStep) -> StepLine:
    return StepLine(step.product_id, step.start, step.end, step.state, step.price, step.known_until)


def _row(step: ExportedStep) -> Sequence[Cell]:
    known_until = None if step.known_until is None else _time(step.known_until)
    return (str(step.product_id), _time(step.start), _time(step.end), step.state.value, step.price, known_until)


def _time(at: datetime) -> str:
    text: str = msgspec.to_builtins(at)
    return text


_ID = UUID("2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11")
_TIMES = [datetime(2026, 11, 19, tzinfo=UTC) + number * timedelta(hours=31, minutes=12) for number in range(4)]
_EXAMPLE = [
    ExportedStep(_ID, _TIMES[0], _TIMES[1], PriceState.IN_STOCK, 45_900),
    ExportedStep(_ID, _TIMES[1], _TIMES[2], PriceState.OUT_OF_STOCK, None),
    ExportedStep(_ID, _TIMES[2], _TIMES[3], PriceState.IN_STOCK, 41_250, _TIMES[3] + timedelta(minutes=2)),
]
NDJSON_EXAMPLE = example("The steps", NDJSON, ndjson_of_steps(_EXAMPLE))
CSV_EXAMPLE = example("The steps as a table", CSV, HEADER + csv_of_steps(_EXAMPLE, raw=False))
