"""The form of an alert as it was typed, and the rule that it describes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from babel import Locale
from babel.numbers import NumberFormatError, parse_decimal
from litestar import Request

from domain.alerts.alert import LONGEST_COOLDOWN, LONGEST_HOLD, Alert
from domain.alerts.condition import (
    LONGEST_PERIOD,
    Condition,
    ConditionKind,
    PriceExtreme,
    PriceMove,
    PriceThreshold,
    Stock,
)
from domain.errors import InvalidAlert, InvalidText
from domain.product import clean_name
from domain.window import MICROSECOND
from entrypoints.web.formats import DAY, HOUR, MINUTE

HIGHEST_PRICE = 2**53 - 1
"""As in the API."""
HIGHEST_PERCENT, MOST_A_WEEK = 1_000_000, 10_000
LONGEST_NUMBER = 32
LONGEST_TEXT = 2_000
"""Each field is cut after so many characters. A name may have fewer, so a name that is too long stays a mistake."""
UNITS = {"seconds": timedelta(seconds=1), "minutes": MINUTE, "hours": HOUR, "days": DAY}
ONE, ALL = "one", "all"
TRY, SUGGEST = "try", "suggest"
"""Values of the two buttons that try the rule instead of saving the alert."""
RANGES = {"1": "24 hours", "7": "7 days", "30": "30 days"}
EMPTY = {
    "name": "",
    "scope": ONE,
    "product": "",
    "kind": ConditionKind.PRICE_BELOW.value,
    "price": "",
    "resolve": "",
    "percent": "10",
    "period": "7",
    "period_unit": "days",
    "hold": "0",
    "hold_unit": "minutes",
    "cooldown": "0",
    "cooldown_unit": "hours",
    "days": "30",
    "per_week": "1",
    "revision": "",
}
"""All fields with their values in an empty form."""
_NUMBER = re.compile(r"[0-9][0-9.,'\u2019]*")
_PLAIN = re.compile(r"[0-9]+(\.[0-9]{1,2})?")
_COUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule without the time at which it begins to watch."""

    when: Condition
    hold: timedelta
    cooldown: timedelta


@dataclass(slots=True)
class AlertForm:
    """The form as it was typed, and its mistakes by field, in the order of the form."""

    typed: dict[str, str] = field(default_factory=EMPTY.copy)
    mistakes: dict[str, str] = field(default_factory=dict)
    do: str = ""
    """`TRY` or `SUGGEST` if the rule is to be tried, empty if the alert is to be saved."""

    @classmethod
    async def of(cls, request: Request[Any, Any, Any]) -> "AlertForm":
        """Read a form."""
        return cls.sent(await request.form())

    @classmethod
    def sent(cls, fields: Mapping[str, Any]) -> "AlertForm":
        """Read the fields of a form; a field that was not sent has its value of an empty form."""
        given = {name: str(fields.get(name, first))[:LONGEST_TEXT].strip() for name, first in EMPTY.items()}
        do = fields.get("do")
        return cls(given, do=do if do in (TRY, SUGGEST) else "")

    @classmethod
    def of_alert(cls, alert: Alert) -> "AlertForm":
        """Return the form of an alert as it is."""
        rule, typed = alert.rule, EMPTY | {"name": alert.name, "revision": str(alert.revision)}
        typed |= {"scope": ALL if alert.product_ids is None else ONE, "kind": rule.when.kind.value}
        match rule.when:
            case PriceThreshold(price=price, resolve_at=resolve_at):
                typed |= {"price": str(price), "resolve": "" if resolve_at is None else str(resolve_at)}
            case PriceMove(percent=percent):
                typed["percent"] = f"{percent.normalize():f}"
        for name, length in (("period", rule.when.period), ("hold", rule.hold), ("cooldown", rule.cooldown)):
            if length:
                typed |= _in_units(name, length)
        return cls(typed)

    def check_name(self) -> None:
        """Find the mistake of the name, which a trial does not need."""
        try:
            clean_name(self.typed["name"])
        except InvalidText as error:
            self.mistakes["name"] = str(error)

    def draft(self, locale: Locale) -> Draft | None:
        """Return the typed rule, or None and add its mistakes."""
        when = self._condition(locale)
        hold, cooldown = self._length("hold", LONGEST_HOLD), self._length("cooldown", LONGEST_COOLDOWN)
        if self.mistakes or when is None:
            return None
        return Draft(when, hold, cooldown)

    def threshold_wanted(self, locale: Locale) -> Draft | None:
        """Return the typed rule with a threshold of 0, for which one is looked for, or None and add its mistakes."""
        kind = self._kind()
        if kind is not None and kind not in (ConditionKind.PRICE_BELOW, ConditionKind.PRICE_ABOVE):
            self.mistakes["kind"] = "A threshold can be suggested for a price below or above it only."
            return None
        return AlertForm(self.typed | {"price": "0", "resolve": ""}, self.mistakes).draft(locale)

    @property
    def days(self) -> int:
        """The days over which the rule is tried."""
        return int(self.typed["days"]) if self.typed["days"] in RANGES else LONGEST_PERIOD.days

    def wanted_firings(self, locale: Locale) -> Decimal | None:
        """Return the wanted number of firings a week, or None and add the mistake."""
        wanted = _number(self.typed["per_week"], locale)
        if wanted is None or not 0 < wanted <= MOST_A_WEEK:
            self.mistakes["per_week"] = f"Type a number above 0, at most {MOST_A_WEEK}, as 1 or 0.5."
            return None
        return wanted

    def _kind(self) -> ConditionKind | None:
        """Return the kind of condition, or None and add the mistake."""
        try:
            return ConditionKind(self.typed["kind"])
        except ValueError:
            self.mistakes["kind"] = "Choose one of these."
            return None

    def _condition(self, locale: Locale) -> Condition | None:
        match kind := self._kind():
            case None:
                return None
            case ConditionKind.PRICE_BELOW | ConditionKind.PRICE_ABOVE:
                return self._threshold(kind, locale)
            case ConditionKind.DROP | ConditionKind.RISE:
                percent, period = self._percent(locale), self._period()
                return PriceMove(kind, percent, period) if percent and period else None
            case ConditionKind.NEW_LOW | ConditionKind.NEW_HIGH:
                period = self._period()
                return PriceExtreme(kind, period) if period else None
            case ConditionKind.OUT_OF_STOCK | ConditionKind.IN_STOCK:
                return Stock(kind)

    def _threshold(self, kind: ConditionKind, locale: Locale) -> Condition | None:
        price = self._price("price", locale)
        resolve_at = self._price("resolve", locale) if self.typed["resolve"] else None
        if price is None or "resolve" in self.mistakes:
            return None
        try:
            return PriceThreshold(kind, price, resolve_at)
        except InvalidAlert:
            side = "below" if kind is ConditionKind.PRICE_BELOW else "above"
            self.mistakes["resolve"] = f"This must not be {side} the threshold. Leave it empty to take the threshold."
            return None

    def _price(self, name: str, locale: Locale) -> int | None:
        price = _number(self.typed[name], locale)
        # "40.000" is 40 in English, but a person who types it most likely means 40000.
        if price is None or price.as_tuple().exponent != 0 or price > HIGHEST_PRICE:
            self.mistakes[name] = "Type a price as a whole number, as 40000."
            return None
        return int(price)

    def _percent(self, locale: Locale) -> Decimal | None:
        percent = _number(self.typed["percent"], locale)
        if percent is None or not 0 < percent <= HIGHEST_PERCENT or percent != round(percent, 2):
            self.mistakes["percent"] = "Type a number above 0 with two decimals at most, as 10."
            return None
        return percent

    def _period(self) -> timedelta | None:
        period = self._length("period", LONGEST_PERIOD)
        if not period:
            self.mistakes.setdefault("period", f"Type a number above 0, as 7; {LONGEST_PERIOD.days} days at most.")
        return period or None

    def _length(self, name: str, longest: timedelta) -> timedelta:
        count, unit = self.typed[name] or "0", UNITS.get(self.typed[f"{name}_unit"])
        if unit is None or not _COUNT.fullmatch(count):
            self.mistakes[name] = f"Type a number, as 10; {longest.days} days at most."
            return timedelta(0)
        if Decimal(count) > longest // unit:
            self.mistakes[name] = f"This is too long; {longest.days} days at most."
            return timedelta(0)
        return int(Decimal(count) * (unit // MICROSECOND)) * MICROSECOND


def _number(text: str, locale: Locale) -> Decimal | None:
    """Return a number that is not negative, typed plainly or as the page writes numbers; None if it is none."""
    digits = _SPACES.sub("", text)
    if len(digits) > LONGEST_NUMBER or not _NUMBER.fullmatch(digits):
        return None
    # No language writes a last group of one or two digits, so these are decimals.
    if _PLAIN.fullmatch(digits):
        return Decimal(digits)
    try:
        return Decimal(parse_decimal(digits, locale, strict=True))
    except NumberFormatError:
        return None


def _in_units(name: str, length: timedelta) -> dict[str, str]:
    for unit, each in reversed(UNITS.items()):
        if length % each == timedelta(0):
            return {name: str(length // each), f"{name}_unit": unit}
    return {name: f"{Decimal(length // MICROSECOND) / 1_000_000:f}", f"{name}_unit": "seconds"}
