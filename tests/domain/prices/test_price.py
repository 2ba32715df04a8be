"""The best price's steps, one by one."""

from datetime import UTC, datetime, timedelta, timezone

from domain.prices.price import BestPrice, PriceState, PriceStep, days, next_best_price

START = datetime(2026, 3, 14, 12, tzinfo=UTC)
KNOWN_UNTIL = START + timedelta(minutes=3)
AT = START + timedelta(minutes=1)
LATE = START + timedelta(minutes=10)


def test_the_first_observation_ends_no_step() -> None:
    assert next_best_price(None, None, 5, AT) == (BestPrice(5, AT), [])
    assert next_best_price(None, None, None, AT) == (BestPrice(None, AT), [])


def test_an_unchanged_price_stays_in_force() -> None:
    for price in (5, 0, None):
        best = BestPrice(price, START)
        assert next_best_price(best, KNOWN_UNTIL, price, AT) == (best, [])


def test_a_change_ends_a_step() -> None:
    assert next_best_price(BestPrice(5, START), KNOWN_UNTIL, 0, AT) == (
        BestPrice(0, AT),
        [PriceStep(PriceState.IN_STOCK, 5, START, AT)],
    )
    assert next_best_price(BestPrice(None, START), KNOWN_UNTIL, 5, AT) == (
        BestPrice(5, AT),
        [PriceStep(PriceState.OUT_OF_STOCK, None, START, AT)],
    )


def test_selling_out_at_price_zero_is_a_change() -> None:
    best, steps = next_best_price(BestPrice(0, START), KNOWN_UNTIL, None, AT)
    assert best == BestPrice(None, AT)
    assert steps == [PriceStep(PriceState.IN_STOCK, 0, START, AT)]


def test_a_late_observation_leaves_an_unknown_step_even_if_the_price_is_the_same() -> None:
    for price in (5, 6, None):
        assert next_best_price(BestPrice(5, START), KNOWN_UNTIL, price, LATE) == (
            BestPrice(price, LATE),
            [
                PriceStep(PriceState.IN_STOCK, 5, START, KNOWN_UNTIL),
                PriceStep(PriceState.UNKNOWN, None, KNOWN_UNTIL, LATE),
            ],
        )


def test_a_gap_that_nothing_known_begins_is_recorded_once_when_it_ends() -> None:
    best, steps = next_best_price(BestPrice(5, START), KNOWN_UNTIL, None, AT, known=False)
    assert (best, steps) == (BestPrice(None, AT), [PriceStep(PriceState.IN_STOCK, 5, START, AT)])
    assert next_best_price(best, AT, None, LATE, known=False) == (best, [])
    best, steps = next_best_price(best, AT, 5, LATE)
    assert (best, steps) == (BestPrice(5, LATE), [PriceStep(PriceState.UNKNOWN, None, AT, LATE)])


def test_nothing_known_lets_a_gap_go_on_that_began_earlier() -> None:
    best, steps = next_best_price(BestPrice(5, START), KNOWN_UNTIL, None, LATE, known=False)
    assert best == BestPrice(None, KNOWN_UNTIL)
    assert steps == [PriceStep(PriceState.IN_STOCK, 5, START, KNOWN_UNTIL)]


def test_an_observation_at_the_last_known_moment_leaves_no_gap() -> None:
    best = BestPrice(5, START)
    assert next_best_price(best, KNOWN_UNTIL, 5, KNOWN_UNTIL) == (best, [])


def test_days_split_at_midnight_utc_and_an_empty_stretch_has_none() -> None:
    midnight = datetime(2026, 3, 15, tzinfo=UTC)
    second = timedelta(seconds=1)
    assert list(days(midnight - second, midnight)) == [(midnight - second, midnight)]
    assert list(days(midnight - second, midnight + second)) == [
        (midnight - second, midnight),
        (midnight, midnight + second),
    ]
    assert list(days(midnight, midnight)) == []
    assert list(days(midnight, midnight - second)) == []


def test_days_are_utcs_whatever_zone_the_times_come_in() -> None:
    midnight = datetime(2026, 3, 15, tzinfo=UTC)
    zone = timezone(timedelta(hours=5, minutes=45))
    parts = list(
        days((midnight - timedelta(hours=1)).astimezone(zone), (midnight + timedelta(hours=1)).astimezone(zone))
    )
    assert parts == [(midnight - timedelta(hours=1), midnight), (midnight, midnight + timedelta(hours=1))]
