"""In development, and where names are listed, a request must be for one of the names of this service."""

import httpx
import pytest

from api_client.api import Outside, problem_of, serving

PRODUCTION = {
    "APP_ENV": "production",
    "DATABASE_URL": "postgres://db/aggregator",
    "OFFERS_BASE_URL": "https://offers.test",
    "OFFERS_REFRESH_TOKEN": "refresh-token",
    "JWT_SECRET": "Zm9ydHktdHdvIHJhbmRvbSBieXRlcyE=",
    "ADMIN_PASSWORD_HASH": "",
    "ADMIN_PASSWORD": "four words of it",
}
OURS = [
    "localhost",
    "LOCALHOST:8080",
    "127.0.0.1",
    "127.0.0.1:80",
    "[::1]:8080",
    "[::1]",
    "shop.localhost",
    "10.0.0.7:1",
]
OTHERS = [
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "",
    "[::2]:8080",
    "notlocalhost",
]


async def status(host: str, path: str = "/products", **settings: str) -> int:
    async with serving(Outside(), HOST="10.0.0.7", **settings) as api:
        answer = await api.as_customer().get(path, headers={"Host": host})
        if answer.status_code == httpx.codes.BAD_REQUEST:
            problem_of(answer, 400, "malformed-request")
        return answer.status_code


@pytest.mark.parametrize("host", OURS)
async def test_names_of_the_loopback_and_the_bound_address_are_ours(host: str) -> None:
    assert await status(host) == 200


@pytest.mark.parametrize("host", OTHERS)
@pytest.mark.parametrize("path", ["/products", "/login", "/nope", "/docs"])
async def test_in_development_any_other_name_is_refused(host: str, path: str) -> None:
    assert await status(host, path) == 400


async def test_listed_names_are_ours_too() -> None:
    for host in ("shop.example", "Shop.Example:8080", "localhost"):
        assert await status(host, ALLOWED_HOSTS="shop.example, other.example") == 200
    assert await status("evil.example", ALLOWED_HOSTS="shop.example") == 400


async def test_in_production_any_name_is_ours_unless_some_are_listed() -> None:
    assert await status("evil.example", **PRODUCTION, ALLOWED_HOSTS="") == 200
    listed = PRODUCTION | {"ALLOWED_HOSTS": "Shop.Example"}
    assert [await status(host, **listed) for host in ("shop.example", "localhost")] == [200, 400]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_probes_are_answered_under_any_name(path: str) -> None:
    assert await status("10.1.2.3:8080", path) == 200
