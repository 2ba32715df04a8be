"""No port is forgotten when it comes."""

from collections.abc import AsyncGenerator
from inspect import isclass
from typing import Any, get_origin

from adapters.tracing.ports import asynchronous
from application.synchronisation.scheduling import JobQueue
from application.unit_of_work import BeginWork
from application.webhooks.ports import DueWebhooks
from entrypoints.tracing import make_tracing
from entrypoints.wiring.database import Database
from entrypoints.wiring.diagnosis import Diagnosis
from entrypoints.wiring.job_queue import Queue
from entrypoints.wiring.network import Network
from entrypoints.wiring.readers import Readers

OUTSIDE = {DueWebhooks, JobQueue}
"""Ports of the loops beside the jobs, which begin no traces."""


def waits(method: Any) -> bool:
    return asynchronous(method) or get_origin(getattr(method, "__annotations__", {}).get("return")) is AsyncGenerator


def test_every_port_that_is_waited_for_is_traced() -> None:
    providers = (Database(), Queue(), Network(), Diagnosis(), Readers())
    provided = {factory.provides.type_hint for provider in providers for factory in provider.factories}
    ports = {each for each in provided if isclass(each) and getattr(each, "_is_protocol", False)}
    waited_for = {port for port in ports if any(waits(method) for method in vars(port).values())} | {BeginWork}
    assert len(waited_for) > 20
    assert waited_for - OUTSIDE == waited_for & {each.provides.type_hint for each in make_tracing().decorators}
