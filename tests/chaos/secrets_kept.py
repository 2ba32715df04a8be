"""Looks for secrets wherever the system lets text out."""

from pathlib import Path

import jwt

from chaos.record import Record


class Secrets:
    """The settings' secrets, what the API gave out to be kept, and what all upstream tokens have in common."""

    def __init__(self, settings: dict[str, str], record: Record) -> None:
        self._record = record
        self._names = dict(zip(settings.values(), settings, strict=True))
        refresh_token = settings["OFFERS_REFRESH_TOKEN"]
        claims = jwt.encode({"token": refresh_token, "expires": 0}, "any" * 20, algorithm="HS256").split(".")[1]
        self._names[claims[: len(refresh_token)]] = "an upstream access token"

    def add(self, token: str) -> None:
        """Look for this access token of the API from now on: for its own parts."""
        _, claims, signature = token.split(".")
        self._names |= {claims: "claims of the API's token", signature: "the signature of the API's token"}

    def keep(self, name: str, secret: str) -> None:
        """Look for this secret from now on."""
        self._names[secret] = name

    def look_into(self, text: str, place: str) -> None:
        """Find secrets in a text."""
        for secret, name in self._names.items():
            if secret in text:
                at = text.index(secret)
                around = text[max(0, at - 200) : at].splitlines()[-1:]
                self._record.violate("no secret gets out", f"{name} in {place}, after {around}")

    def look_into_files(self, folder: Path) -> None:
        """Find secrets in all logs."""
        for log in sorted(folder.rglob("*.log")):
            self.look_into(log.read_text(errors="replace"), log.name)
