"""The plan of disturbances, all made from the seed before anything starts."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from entrypoints.development.offers_simulator.malformed import MALFORMED_KINDS

WORKERS = ("worker-1", "worker-2")
PARTS = ("api", *WORKERS, "simulator")
DATABASE = "database"
SIMULATOR = "simulator"
SHORTEST_PAUSE, LONGEST_PAUSE = 2.0, 5.0
SHORT_HOLD = 6.0
LONG_HOLD = 26.0, 38.0
"""Of a worker, so that its leases end before it goes on; the other one works meanwhile, to take its batch over."""
LONGEST_OUTAGE = 10.0
SHORTEST_FAULT, LONGEST_FAULT = 2.0, 10.0
QUIET_BEFORE_REFUSED = 60.0
"""After its refresh token was refused, a worker asks once a minute: so never shortly before the end."""

SOME = "some products"
"""Stands in a fault for the products that the market chooses."""

# These show something that nobody dictated, or keep a part of what was shown before.
SPOILING = MALFORMED_KINDS[MALFORMED_KINDS.index("empty_list") :]
REFUSED_WHOLE = MALFORMED_KINDS[: MALFORMED_KINDS.index("empty_list")]

FAULTS: Mapping[str, Mapping[str, Any]] = {
    "slow": {"latency": {"all": {"p50": 300, "p99": 2000}}},
    "very slow": {"latency": {"offers": {"p50": 1500, "p99": 6000}}},
    "half the calls answer 500": {"errors": {"all": {"status": 500, "rate": 0.5}}},
    "all calls answer 503": {"errors": {"all": {"status": 503}}, "retry_after": 3},
    "some calls answer 429": {"errors": {"offers": {"status": 429, "rate": 0.3}}, "retry_after": 2},
    "registering answers 500": {"errors": {"register": {"status": 500, "rate": 0.7}}},
    "resets": {"resets": {"all": {"rate": 0.3}}},
    "only resets": {"resets": {"all": {}}},
    "hangs": {"hangs": {"offers": {"rate": 0.2}, "register": {"rate": 0.3}}},
    "lost replies": {"lost": {"register": {"rate": 0.7}, "offers": {"rate": 0.2}}},
    "some products hang": {"hang_products": SOME},
}
AUTH_FAULTS: Mapping[str, Mapping[str, Any]] = {
    "a lost reply of auth": {"lost": {"auth": {"times": 1}}},
    "auth answers 500": {"errors": {"auth": {"status": 500}}},
    "auth hangs": {"hangs": {"auth": {}}},
    "tokens die early": {"token_dies_after": 5},
    "tokens are refused before their time": {"expiry_slack": -10},
    "the upstream's clock is ahead": {"clock_skew": 30},
    "the upstream's clock is behind": {"clock_skew": -30},
    **{f"auth answers {kind}": {"auth_answer": kind} for kind in ("no_token", "not_json", "no_expires", "not_jwt")},
}
ACTIONS: Mapping[str, Mapping[str, bool]] = {
    "refuse the token": {"invalidate_token": True},
    "forget all registrations": {"forget_registrations": True},
    "give the token to a stranger": {"take_token": True},
}
REFUSED = "the refresh token is refused"


@dataclass(frozen=True)
class Disturbance:
    """What is done to whom, `at` so many seconds after the start; undone after `seconds`."""

    at: float
    action: str
    target: str
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.action} {self.target}" + (f" for {self.seconds:.1f} s" if self.seconds else "")


def fault_named(name: str) -> Mapping[str, Any]:
    """Return the switches of a fault of the plan."""
    if name == REFUSED:
        return {"errors": {"auth": {"status": 401}}}
    kind = name.removeprefix("malformed answers: ")
    if kind != name:
        return {"malformed": {kind: SOME if kind in SPOILING else "all"}, "trickle_interval": 0.01}
    return FAULTS.get(name) or AUTH_FAULTS[name]


def make_plan(seed: int, seconds: float) -> list[Disturbance]:
    """Return disturbances every few seconds; nothing is disturbed again before it is back."""
    return list(_disturbances(random.Random(f"plan {seed}"), seconds))


def _disturbances(dice: random.Random, seconds: float) -> Iterator[Disturbance]:
    busy_until = dict.fromkeys((*PARTS, DATABASE), 0.0)
    at = 0.0
    while (at := at + dice.uniform(SHORTEST_PAUSE, LONGEST_PAUSE)) < seconds:
        kind = dice.choices(("part", "database", "fault", "action"), (10, 2, 8, 1))[0]
        # Mostly short, so that between two disturbances there is something to disturb.
        duration = LONGEST_OUTAGE * dice.random() ** 2
        if kind == "part":
            action, target = dice.choices(("kill", "terminate", "stop"), (4, 3, 3))[0], dice.choice(PARTS)
            if action == "stop":
                duration = _hold(dice, target)
        elif kind == "database":
            action, target = dice.choice(("kill", "fast", "immediate")), DATABASE
        elif kind == "fault":
            action, target = "fault", _fault(dice, seconds - at)
            duration = dice.uniform(SHORTEST_FAULT, LONGEST_FAULT)
        else:
            action, target, duration = "action", dice.choice(list(ACTIONS)), 0.0
        duration = min(duration, seconds - at)
        if busy_until.get(target, 0.0) > at:
            continue
        if target in busy_until:
            busy_until[target] = at + duration + 1
        if action == "stop" and duration > SHORT_HOLD:
            busy_until |= {each: max(busy_until[each], at + duration + 1) for each in WORKERS}
        yield Disturbance(at, action, target, duration)


def _hold(dice: random.Random, target: str) -> float:
    long = dice.random() < 0.5
    return dice.uniform(*LONG_HOLD) if long and target in WORKERS else dice.uniform(0, SHORT_HOLD)


def _fault(dice: random.Random, left: float) -> str:
    kind = dice.choices(("plain", "auth", "refused whole", "spoiling", "refused token"), (16, 4, 6, 5, 1))[0]
    if kind == "refused token" and left > QUIET_BEFORE_REFUSED + LONGEST_FAULT:
        return REFUSED
    if kind in ("refused whole", "spoiling"):
        return f"malformed answers: {dice.choice(REFUSED_WHOLE if kind == 'refused whole' else SPOILING)}"
    return dice.choice(list(AUTH_FAULTS if kind == "auth" else FAULTS))
