"""The one access token: how it is issued, how it ends, and in which odd forms it comes."""

import jwt
import pytest

from development.offers_simulator.caller import ANOTHER_IS_VALID, START, Caller, ManualClock, calling
from entrypoints.development.offers_simulator.options import DEFAULT_REFRESH_TOKEN, SimulatorOptions


async def test_a_token_is_a_jwt_with_exactly_the_refresh_token_and_a_whole_second(caller: Caller) -> None:
    response = await caller.auth()
    assert response.status_code == 201
    assert list(response.json()) == ["access_token"]
    assert jwt.get_unverified_header(caller.token)["alg"] == "HS256"
    claims = jwt.decode(caller.token, options={"verify_signature": False})
    assert claims == {"token": DEFAULT_REFRESH_TOKEN, "expires": int(START) + 300}
    assert type(claims["expires"]) is int


async def test_a_second_token_is_refused_until_the_first_expires(known: Caller, clock: ManualClock) -> None:
    first = known.token
    clock.now = START + 299.9
    refused = await known.auth()
    assert (refused.status_code, refused.json()) == (400, ANOTHER_IS_VALID)
    assert (await known.offers()).status_code == 200
    clock.now = START + 300
    assert (await known.offers()).status_code == 401
    assert (await known.auth()).status_code == 201
    assert known.token != first
    assert (await known.offers()).status_code == 200


async def test_a_wrong_refresh_token_is_unauthorised(caller: Caller) -> None:
    assert (await caller.auth("wrong")).status_code == 401


async def test_a_missing_header_is_named(caller: Caller) -> None:
    response = await caller.client.post("/auth")
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["header", "Bearer"]


async def test_the_lifetime_and_refresh_token_are_options(clock: ManualClock) -> None:
    options = SimulatorOptions(refresh_token="mine", token_lifetime=5)
    async with calling(options, clock=clock) as caller:
        await caller.auth("mine")
        claims = jwt.decode(caller.token, options={"verify_signature": False})
        assert claims == {"token": "mine", "expires": int(START) + 5}


async def test_a_token_can_die_before_it_expires(known: Caller, clock: ManualClock) -> None:
    await known.control(token_dies_after=15)
    clock.now = START + 14.9
    assert (await known.offers()).status_code == 200
    clock.now = START + 15
    assert (await known.offers()).status_code == 401
    await known.control(token_dies_after=None)
    assert (await known.offers()).status_code == 401
    await known.auth()
    assert jwt.decode(known.token, options={"verify_signature": False})["expires"] == START + 315


@pytest.mark.parametrize(("slack", "end"), [(1.5, 301.5), (-10, 290)])
async def test_a_token_can_end_beside_the_second_it_promises(
    known: Caller, clock: ManualClock, slack: float, end: float
) -> None:
    await known.control(expiry_slack=slack)
    clock.now = START + end - 0.1
    assert (await known.offers()).status_code == 200
    assert (await known.auth()).status_code == 400
    clock.now = START + end
    assert (await known.offers()).status_code == 401
    assert (await known.auth()).status_code == 201


@pytest.mark.parametrize("skew", [30, -30, 100_000])
async def test_skew_moves_what_is_promised_and_not_what_is_kept(caller: Caller, clock: ManualClock, skew: int) -> None:
    await caller.control(clock_skew=skew)
    await caller.auth()
    claims = jwt.decode(caller.token, options={"verify_signature": False})
    assert claims["expires"] == int(START) + 300 + skew
    clock.now = START + 299
    assert (await caller.offers()).status_code == 404
    clock.now = START + 300
    assert (await caller.offers()).status_code == 401


async def test_an_invalidated_token_is_refused_and_another_can_be_had(known: Caller) -> None:
    first = known.token
    await known.control(invalidate_token=True)
    assert (await known.offers()).status_code == 401
    assert (await known.auth()).status_code == 201
    assert known.token != first
    assert (await known.offers()).status_code == 200


async def test_a_taken_token_is_refused_and_no_other_can_be_had(known: Caller, clock: ManualClock) -> None:
    clock.now = START + 100
    await known.control(take_token=True)
    assert (await known.offers()).status_code == 401
    clock.now = START + 399
    assert (await known.auth()).status_code == 400
    clock.now = START + 400
    assert (await known.auth()).status_code == 201


@pytest.mark.parametrize("kind", ["no_token", "null_token", "not_json"])
async def test_201_can_come_without_a_token_that_lives_nonetheless(caller: Caller, kind: str) -> None:
    await caller.control(auth_answer=kind)
    assert (await caller.auth()).status_code == 201
    assert caller.token == ""
    assert (await caller.auth()).status_code == 400


@pytest.mark.parametrize("kind", ["no_expires", "odd_expires", "not_jwt"])
async def test_a_token_can_be_odd_and_good(caller: Caller, kind: str) -> None:
    await caller.control(auth_answer=kind)
    assert (await caller.auth()).status_code == 201
    assert (await caller.offers()).status_code == 404
    if kind == "not_jwt":
        with pytest.raises(jwt.DecodeError):
            jwt.decode(caller.token, options={"verify_signature": False})
    else:
        claims = jwt.decode(caller.token, options={"verify_signature": False})
        assert claims.get("expires") == (None if kind == "no_expires" else "in five minutes")
