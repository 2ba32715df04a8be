"""One kind of request at two servers in turns: what each reaches, what that costs, and how the two compare."""

from collections import Counter
from dataclasses import dataclass, field
from statistics import median

from benchmarks.processes import cpu_seconds
from benchmarks.reads.client import load
from benchmarks.reads.kinds import Kind
from benchmarks.refresh.table import percentiles

BARE = "bare"
WARM_UP_SECONDS = 0.5


@dataclass(frozen=True)
class Server:
    """One or more processes that serve the same."""

    name: str
    ports: tuple[int, ...]
    pids: tuple[int, ...]

    @property
    def url(self) -> str:
        """Where the first of them listens."""
        return f"http://127.0.0.1:{self.ports[0]}"


@dataclass
class _Measured:
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    middles: list[float] = field(default_factory=list)
    slow: list[float] = field(default_factory=list)
    others: Counter[int] = field(default_factory=Counter)


async def measure(kind: Kind, servers: list[Server], connections: int, rounds: int, seconds: float) -> float:
    """Print a line for each server, and return the first one's requests per second as a share of the second one's."""
    connections = kind.connections or connections
    measured = {server.name: _Measured() for server in servers}
    for server in servers:
        await _run(kind, server, connections, WARM_UP_SECONDS, _Measured())
    for _ in range(rounds):
        for server in servers:
            await _run(kind, server, connections, seconds, measured[server.name])
    one, other = (median(measured[server.name].rates) for server in servers)
    for name, each in measured.items():
        share = f"  ratio {one / other:.2f}" if name == servers[0].name else ""
        wrong = f"  others {dict(each.others)}" if each.others else ""
        print(
            f"{kind.name:<12} {connections:>4} connections  {name:<12} {median(each.rates):>6.0f}/s "
            f"{median(each.costs):>5.0f} µs CPU  p50 {median(each.middles):>6.1f} ms  p99 {median(each.slow):>6.1f} ms"
            f"{share}{wrong}",
            flush=True,
        )
    return one / other


async def _run(kind: Kind, server: Server, connections: int, seconds: float, measured: _Measured) -> None:
    bare = server.name == BARE
    before = sum(map(cpu_seconds, server.pids))
    answered = await load(
        server.ports,
        kind.bare if bare else kind.api,
        kind.bare_expected if bare else kind.expected,
        connections=connections,
        seconds=seconds,
        addresses=kind.addresses,
    )
    used = sum(map(cpu_seconds, server.pids)) - before
    middle, slow = percentiles(answered.waited)
    measured.rates.append(len(answered.waited) / seconds)
    measured.costs.append(used / len(answered.waited) * 1e6)
    measured.middles.append(middle)
    measured.slow.append(slow)
    measured.others += answered.others
