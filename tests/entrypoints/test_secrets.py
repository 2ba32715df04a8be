"""No secret gets out, whole or in base64: not into a log line at DEBUG, not into an answer, not into a traceback."""

import logging
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote

import httpx
import jwt
import pytest
from argon2 import PasswordHasher

from api_client.api import INTERVAL, SOLD_OUT_KEPT, Api, Outside, serving
from e2e.secret_encodings import found
from entrypoints.configuration.settings import read_settings
from entrypoints.logs import configure_logs
from fakes.defective_reader import DefectiveReader

pytestmark = pytest.mark.usefixtures("logs_as_before")

PASSWORD = "the right password, ünd long"
WRONG = "a wrong password/of someone?"
JWT_SECRET = "a signing key of more than 32 bytes"
REFRESH_TOKEN = "refresh-token-of-the-offers-service"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
SETTINGS = {
    "ADMIN_PASSWORD_HASH": HASH,
    "JWT_SECRET": JWT_SECRET,
    "OFFERS_REFRESH_TOKEN": REFRESH_TOKEN,
    "LOG_LEVEL": "DEBUG",
}
SECRETS = (PASSWORD, WRONG, JWT_SECRET, REFRESH_TOKEN, HASH)


def basic(password: str) -> str:
    return f"Basic {b64encode(f'admin:{password}'.encode()).decode()}"


async def make_every_mistake(api: Api) -> list[httpx.Response]:
    """Fail and succeed to log in, and send secrets wherever they do not belong."""
    log_in = [
        {"username": "admin", "password": WRONG},
        {"username": PASSWORD, "password": PASSWORD},
        {"username": "admin", "password": PASSWORD, "more": WRONG},
        {"username": 1, "password": PASSWORD},
        {"username": "admin", "password": [PASSWORD]},
        PASSWORD,
        *[{"username": "nobody", "password": WRONG}] * 6,
    ]
    answers = [await api.http.post("/login", json=body) for body in log_in]
    json = {"Content-Type": "application/json"}
    answers.append(await api.http.post("/login", content=f'{{"password": "{PASSWORD}"', headers=json))
    answers.append(await api.http.post("/login", data={"password": PASSWORD}))
    answers += [await api.http.get(path, params={"password": PASSWORD}) for path in ("/nope", "/login", "/products")]
    answers.append(await api.http.get(f"/nope/{quote(PASSWORD, safe='')}"))
    for authorization in (basic(PASSWORD), f"Bearer {JWT_SECRET}", f"Bearer {jwt.encode({'sub': WRONG}, JWT_SECRET)}"):
        answers.append(await api.http.post("/products", json={}, headers={"Authorization": authorization}))
    return answers


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_no_secret_gets_out(
    log_format: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**SETTINGS, "LOG_FORMAT": log_format}
    configure_logs(read_settings(settings))
    logging.getLogger().setLevel(logging.DEBUG)
    # The test's own client logs its requests.
    monkeypatch.setattr(logging.getLogger("httpx"), "disabled", True)
    outside = Outside()
    outside.reader = DefectiveReader(outside.storage, INTERVAL, SOLD_OUT_KEPT)
    async with serving(outside, **settings) as api:
        answers = await make_every_mistake(api)
        let_in = await api.log_in(PASSWORD)
        token = let_in.json()["access_token"]
        api.http.headers["Authorization"] = f"Bearer {token}"
        crashed = [await api.http.get("/products")]
        for defect in ((PasswordHasher, "verify"), (jwt, "encode")):
            with monkeypatch.context() as patch:
                patch.delattr(*defect)
                crashed.append(await api.log_in(PASSWORD))
    assert let_in.status_code == 200
    assert {answer.status_code for answer in answers} == {400, 401, 404, 405, 415, 422, 429}
    assert [answer.status_code for answer in crashed] == [500] * 3

    logged = "".join(capsys.readouterr())
    told = "".join(f"{answer.headers}{answer.text}" for answer in (*answers, *crashed))
    assert logged.count("Traceback") == 3
    assert logged.count("/login") >= 14
    _header, *token_parts = token.split(".")
    assert found(logged + told + str(let_in.headers), *SECRETS) == []
    assert [part for part in token_parts if part in logged + told] == []


@pytest.mark.parametrize("secret", SECRETS, ids=range(len(SECRETS)))
@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_a_secret_is_found_wherever_it_is_encoded(secret: str, before: str) -> None:
    text = f"{before}{secret} and more"
    for shown in (text, b64encode(text.encode()).decode(), urlsafe_b64encode(text.encode()).decode(), repr(text)):
        assert found(f"leaked: {shown}", secret)
    assert found("leaked: nothing of interest", secret) == []
