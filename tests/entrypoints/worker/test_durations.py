"""The durations as they ship: what must be longer than what, whatever any of them is."""

from datetime import timedelta

from adapters.offers_api.http_client import HttpLimits
from adapters.offers_api.token_pace import TokenPace
from application.synchronisation.timing import Pace

PACE, HTTP, TOKEN = Pace(), HttpLimits(), TokenPace()
SECONDS_TO_WRITE = 2


def test_a_lease_outlasts_its_batch_and_its_last_write_but_not_a_minute() -> None:
    batch = timedelta(seconds=PACE.batch_deadline + PACE.group_age + SECONDS_TO_WRITE)
    assert batch < PACE.lease <= timedelta(seconds=60)


def test_a_call_that_got_its_turn_has_its_whole_time_before_the_batch_ends() -> None:
    assert HTTP.turn + HTTP.call <= PACE.batch_deadline == 15


def test_one_exchange_is_bounded_as_documented() -> None:
    assert (HTTP.connect, HTTP.read, HTTP.call, HTTP.body) == (2, 5, 10, 2**20)


def test_a_renewal_outlasts_the_call_for_a_token() -> None:
    assert timedelta(seconds=HTTP.call + SECONDS_TO_WRITE) < TOKEN.lease


def test_a_probe_comes_within_15_seconds_with_the_tick_and_the_queue() -> None:
    assert PACE.probe_after + 2 * PACE.tick < 15
