"""The one live access token that the Offers service allows for its refresh token."""

import secrets

import jwt
import msgspec

from entrypoints.development.offers_simulator.faults import AuthAnswer, Faults


class _Live(msgspec.Struct, frozen=True):
    text: str
    issued_at: float
    ends_at: float


class AccessTokens:
    """Issues and checks access tokens; every time is epoch seconds by the upstream's own clock."""

    def __init__(self, *, refresh_token: str, lifetime: float) -> None:
        self._refresh_token = refresh_token
        self._lifetime = lifetime
        self._live: _Live | None = None

    def accepts(self, token: str, now: float, faults: Faults) -> bool:
        """Say whether `token` is the live one."""
        live = self._living(now, faults)
        return live is not None and live.text == token

    def issue(self, now: float, faults: Faults) -> str | None:
        """Make a new access token, None while another one lives."""
        if self._living(now, faults) is not None:
            return None
        text = self._token(now + faults.clock_skew, faults.auth_answer)
        self._live = _Live(text, now, int(now + self._lifetime))
        return text

    def invalidate(self) -> None:
        """Refuse the live token from now on; a new one is issued at once."""
        self._live = None

    def hand_to_stranger(self, now: float) -> None:
        """Give the token to another client: ours is refused, and no new one is issued until theirs expires."""
        self._live = _Live(self._token(now, None), now, int(now + self._lifetime))

    def _living(self, now: float, faults: Faults) -> _Live | None:
        if self._live is None:
            return None
        ends_at = self._live.ends_at + faults.expiry_slack
        if faults.token_dies_after is not None:
            ends_at = min(ends_at, self._live.issued_at + faults.token_dies_after)
        if now >= ends_at:
            # Dropped, so that a token seen dead does not come back when a switch moves.
            self._live = None
        return self._live

    def _token(self, now: float, form: AuthAnswer | None) -> str:
        if form == "not_jwt":
            return secrets.token_urlsafe(48)
        claims: dict[str, str | int] = {"token": self._refresh_token}
        if form != "no_expires":
            claims["expires"] = "in five minutes" if form == "odd_expires" else int(now + self._lifetime)
        # A key per token: with one key, two tokens of the same second would be the same token.
        return jwt.encode(claims, secrets.token_bytes(32), algorithm="HS256")
