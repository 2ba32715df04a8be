"""What Schemathesis cannot know from the manual: why requests as it describes them may be refused.

Without this, it would take every 422 for a request that looks right for a mistake, or none.
"""

from typing import Any
from urllib.parse import urlencode

import schemathesis
from schemathesis.specs.openapi.checks import is_unexpected_http_status_case

REFUSING = {400, 412, 422}
PROBLEMS = {
    "/problems/cursor-mismatch",
    "/problems/precondition-failed",
    "/problems/idempotency-mismatch",
    "/problems/window-too-large",
    "/problems/beyond-retention",
}
"""About two parameters, or about earlier requests and answers."""
REASONS = {
    "`percent` is above 0, at most 1 000 000, and has at most two decimals.",
    "A search has 1 to 10 words of letters and digits.",
    "An alert must not resolve at a price at which it fires.",
    "Changes are known of the present only; leave out `at`.",
    "Give either a period or from and to.",
    "The 30 days before this time begin before the year 1.",
    "The expiry must be in the future, and not more than 100 years away.",
    "The lowest price must not be above the highest.",
    "There are 100 webhooks, which is the most; delete one first.",
    "The name must not be blank.",
    "The period begins before the year 1.",
    "The period must be longer than 0 and at most 30 days.",
    "The period must be longer than 0.",
    "The time must not be in the future.",
    "The window begins before the year 1.",
    "The window must start before it ends.",
    "The window must start in the past.",
    "The duration must be from 0 to 30 days.",
    "The duration must be from 0 to 365 days.",
    "This is known of the present only; leave out `at`.",
    "This must be the IANA name of a time zone, as Europe/Prague, in the same case.",
    "This is not within the years 1 to 9999 in UTC.",
}
"""About two parameters or about now; or too complicated for a readable pattern."""
WRITTEN_AS_FRACTIONS = {"Expected `int`, got `float`", "Expected `int | null`, got `float`"}
"""Of 1.0 and 1e3, which are integers to JSON Schema and no integers to the decoder."""
BEGINNINGS = (
    "There is no product with the id ",
    "There are 20 alerts for all products",
    "The URL",
    "The host leads to ",
)
"""Of texts about stored data, or about the addresses that webhooks may call."""


LONGEST_QUERY = 60_000
"""Bytes. uvicorn reads heads of up to 64 KiB and answers longer ones itself, in plain text: they never are requests."""


@schemathesis.hook
def filter_query(context: schemathesis.HookContext, query: dict[str, Any] | None) -> bool:
    return not query or len(urlencode(query, doseq=True, errors="replace")) <= LONGEST_QUERY


@schemathesis.check
def refused_only_for_what_no_schema_tells(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    if response.status_code not in REFUSING or case.meta is None or is_unexpected_http_status_case(case):
        return
    if not case.meta.generation.mode.is_positive:
        return
    problem = response.json()
    reasons = {error["detail"] for error in problem.get("errors", [])} or {problem["detail"]}
    told = problem["type"] in PROBLEMS or all(
        each in REASONS | WRITTEN_AS_FRACTIONS or each.startswith(BEGINNINGS) for each in reasons
    )
    assert told, f"As the schemas say, but refused: {reasons}"
