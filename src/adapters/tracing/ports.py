"""Spans around the adapters of ports, named by the port's method: `CatalogueReader.detail`."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, TypeVar, cast

from opentelemetry.trace import SpanKind

from adapters.tracing.spans import Attributes, Spans
from application.unit_of_work import BeginWork, UnitOfWork

Port = TypeVar("Port")

POSTGRESQL: Attributes = {"db.system.name": "postgresql"}
_REPOSITORIES: dict[str, str] = {
    name: member.fget.__annotations__["return"]
    for name, member in vars(UnitOfWork).items()
    if isinstance(member, property) and member.fget is not None
}
"""The ports of a unit of work, by its attributes."""


def traced(adapter: Port, port: str, spans: Spans, kind: SpanKind, attributes: Attributes | None = None) -> Port:
    """Return a stand-in for an adapter: each call of its coroutines and asynchronous generators is a span."""
    return cast("Port", _Traced(adapter, port, lambda name, run: _spanned(run, name, spans, kind, attributes)))


def traced_work(begin: BeginWork, spans: Spans) -> BeginWork:
    """Return the same for units of work: each is a span, and the calls of its repositories are its children."""

    @asynccontextmanager
    async def begin_traced() -> AsyncIterator[UnitOfWork]:
        with spans.span("UnitOfWork", SpanKind.INTERNAL):
            async with begin() as work:
                traced_one = traced(work, "UnitOfWork", spans, SpanKind.CLIENT, POSTGRESQL)
                for name, port in _REPOSITORIES.items():
                    repository = traced(getattr(work, name), port, spans, SpanKind.CLIENT, POSTGRESQL)
                    vars(traced_one)[name] = repository
                yield traced_one

    def begin_work() -> AbstractAsyncContextManager[UnitOfWork]:
        return begin_traced()

    return begin_work


def traced_job(job: Port, name: str, spans: Spans) -> Port:
    """Return a job each of whose runs is a trace."""

    async def run(*asked: Any, **named: Any) -> Any:
        with spans.trace(name, SpanKind.CONSUMER):
            return await cast("Callable[..., Awaitable[Any]]", job)(*asked, **named)

    return cast("Port", run)


class _Traced:
    def __init__(self, adapter: Any, port: str, spanned: Callable[[str, Any], Any]) -> None:
        self._adapter = adapter
        self._port = port
        self._spanned = spanned
        self._called: Any = None

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._adapter, name)
        # Kept, so that the next call finds it at once; attributes that are no methods may change.
        if asynchronous(found):
            found = vars(self)[name] = self._spanned(f"{self._port}.{name}", found)
        return found

    def __call__(self, *asked: Any, **named: Any) -> Any:
        if self._called is None:
            run = self._adapter if asynchronous(self._adapter) else self._adapter.__call__
            self._called = self._spanned(self._port, run)
        return self._called(*asked, **named)


def asynchronous(run: Any) -> bool:
    """Whether it is a coroutine function, or makes an asynchronous generator."""
    return iscoroutinefunction(run) or isasyncgenfunction(run)


def _spanned(run: Any, name: str, spans: Spans, kind: SpanKind, attributes: Attributes | None) -> Any:
    if isasyncgenfunction(run):

        async def stream(*asked: Any, **named: Any) -> AsyncGenerator[Any, None]:
            with spans.span(name, kind, attributes, current=False):
                async with aclosing(run(*asked, **named)) as parts:
                    async for part in parts:
                        yield part

        return stream

    async def call(*asked: Any, **named: Any) -> Any:
        with spans.span(name, kind, attributes):
            return await run(*asked, **named)

    return call
