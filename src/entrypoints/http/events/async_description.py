"""The AsyncAPI description of the events, written by hand: no framework describes them."""

from pathlib import Path
from typing import Any

from litestar import Request, get
from litestar.response.base import ASGIResponse

from entrypoints.http.conditional_reads import PAGE_AGE, answer_read
from entrypoints.http.route_declarations import PUBLIC

ASYNCAPI = "application/vnd.aai.asyncapi+json;version=3.0.0"
DESCRIPTION = Path(__file__).with_name("asyncapi.json").read_bytes()


@get("/schema/asyncapi.json", include_in_schema=False, sync_to_thread=False, opt=PUBLIC)
def describe_events(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Show the AsyncAPI 3.0 description of the stream and the webhooks."""
    return answer_read(request, DESCRIPTION, max_age=PAGE_AGE, media_type=ASYNCAPI)
