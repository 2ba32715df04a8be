"""The receivers that docs/webhooks.md shows verify what the service signs."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.webhooks.signatures import signed_headers
from application.webhooks.ports import Message
from application.webhooks.secrets import new_secret

PAGE = Path(__file__).parents[1] / "docs" / "webhooks.md"
BODY = '{"id": "1-2-3", "data": {"name": "žluťoučký"}}'.encode()


def receiver(secret: str) -> dict[str, Any]:
    """Run the page's receiver with this secret; return its names."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    seen: list[str] = []
    names: dict[str, Any] = {"enqueue": seen.append, "remember": lambda _: True}
    exec(code.replace("whsec_…", secret), names)  # noqa: S102 - our own page
    return names


@pytest.mark.parametrize("old_first", [False, True])
def test_the_receiver_in_python_takes_what_is_signed_and_nothing_else(old_first: bool) -> None:
    secret, another = new_secret(), new_secret()
    secrets = [another, secret] if old_first else [secret]
    headers = signed_headers(Message("", "1-2-3", BODY, datetime.now(UTC), secrets))
    receive = receiver(secret)["receive"]
    assert receive(headers, BODY) == 204
    assert receive(headers, BODY.replace(b"1-2-3", b"1-2-4")) == 401
    assert receiver(new_secret())["receive"](headers, BODY) == 401
    late = signed_headers(Message("", "1-2-3", BODY, datetime.now(UTC) - timedelta(hours=1), secrets))
    assert receive(late, BODY) == 401
