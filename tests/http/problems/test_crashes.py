"""The answer to a defect of ours names only the request; the log has everything."""

from contextlib import AbstractAsyncContextManager

from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from api_client.api import INTERVAL, SOLD_OUT_KEPT, Api, Outside, problem_of, serving
from fakes.defective_reader import TOLD_TO_NOBODY, DefectiveReader


def serving_with_a_defect() -> AbstractAsyncContextManager[Api]:
    outside = Outside()
    outside.reader = DefectiveReader(outside.storage, INTERVAL, SOLD_OUT_KEPT)
    return serving(outside)


async def test_a_crash_shows_nothing_of_itself() -> None:
    async with serving_with_a_defect() as api:
        answer = await api.http.get("/products")
    problem = problem_of(answer, 500, "internal-error")
    assert "errors" not in problem
    shown = answer.text + str(answer.headers)
    for part in (TOLD_TO_NOBODY, "SELECT", "RuntimeError", "Traceback", "/srv", ".py", "line "):
        assert part not in shown


async def test_a_crash_is_logged_with_its_cause_under_the_id_that_the_caller_has() -> None:
    async with serving_with_a_defect() as api:
        with capture_logs([merge_contextvars]) as lines:
            answer = await api.http.get("/products")
    failed = [line for line in lines if line["log_level"] == "error"]
    assert len(failed) == 1
    assert str(failed[0]["exc_info"]) == TOLD_TO_NOBODY
    assert {line["request_id"] for line in lines} == {answer.json()["request_id"]}
    assert failed[0]["instance"] == answer.json()["instance"]
    assert [line["status"] for line in lines if line["event"] == "request"] == [500]


async def test_after_a_crash_everything_else_still_works() -> None:
    async with serving_with_a_defect() as api:
        await api.http.get("/products")
        product = await api.create()
        assert (await api.http.get(f"/products/{product['id']}")).status_code == 200


async def test_what_is_the_callers_mistake_is_no_error_in_the_logs(api: Api) -> None:
    with capture_logs() as lines:
        for method, path in (
            ("GET", "/nope"),
            ("PUT", "/products"),
            ("PURGE", "/"),
            ("POST", "/login"),
            ("GET", "/products?limit=0"),
        ):
            assert (await api.http.request(method, path)).status_code != 500
    assert {line["log_level"] for line in lines} == {"info"}
