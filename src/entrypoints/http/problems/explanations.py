"""The pages that explain the types of problems."""

from typing import Annotated, Any

from litestar import MediaType, Request, get
from litestar.exceptions import NotFoundException
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import PathParameter
from litestar.response.base import ASGIResponse

from entrypoints.http.conditional_reads import NOT_MODIFIED, PAGE_AGE, answer_read
from entrypoints.http.problems.problem_types import (
    METHOD,
    NOT_FOUND,
    OVERLOADED,
    PROBLEM_TYPES,
    ProblemType,
    problems,
)
from entrypoints.http.route_declarations import Declaration, declared

Slug = Annotated[
    str,
    PathParameter(
        description="The last part of a problem's `type`.",
        schema_extra={"enum": [kind.slug for kind in PROBLEM_TYPES]},
    ),
]


def _explanation(kind: ProblemType) -> str:
    return f"{kind.title} ({kind.status})\n\n{kind.meaning}\n"


@get(
    "/problems/{slug:str}",
    media_type=MediaType.TEXT,
    sync_to_thread=False,
    operation_id="explainProblem",
    summary="Explain an error",
    tags=["problems"],
    opt=declared(Declaration(public=True, ignores_query=True, conditional=True)),
    responses={
        200: ResponseSpec(
            str,
            description="The explanation",
            media_type=MediaType.TEXT,
            generate_examples=False,
            examples=[Example(summary=METHOD.title, value=_explanation(METHOD))],
        )
    }
    | NOT_MODIFIED
    | problems(NOT_FOUND, OVERLOADED),
)
def explain_problem(request: Request[Any, Any, Any], slug: Slug) -> ASGIResponse:
    """Explain a problem type in plain text."""
    for kind in PROBLEM_TYPES:
        if kind.slug == slug:
            return answer_read(request, _explanation(kind).encode(), max_age=PAGE_AGE, media_type=MediaType.TEXT)
    raise NotFoundException
