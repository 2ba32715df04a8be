"""A collector of spans, as OpenTelemetry's protocol has it, that can hang."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector(ThreadingHTTPServer):
    """Keeps the names of spans by the process that sent them; calls that hang are let go at the end."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.names: dict[str, set[str]] = {}
        self.hanging: set[str] = set()
        """The processes whose calls hang."""
        self.hangs, self.over = threading.Event(), threading.Event()
        """Set `hangs`, and no call is answered until the end."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        for part in sent.resource_spans:
            [process] = [each.value.string_value for each in part.resource.attributes if each.key == "service.name"]
            if self.server.hangs.is_set():
                self.server.hanging.add(process)
                self.server.over.wait()
            names = {span.name for spans in part.scope_spans for span in spans.spans}
            self.server.names[process] = self.server.names.get(process, set()) | names
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Write nothing."""


@contextmanager
def running_collector() -> Iterator[Collector]:
    with Collector() as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        try:
            yield collector
        finally:
            collector.over.set()
            collector.shutdown()
