"""Numbers and times as one viewer reads them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from babel.dates import format_skeleton, format_time
from babel.numbers import format_decimal

from entrypoints.web.viewer import Viewer

NONE = "\N{EN DASH}"
SMALLEST = 0.001
"""A smaller change would be written as none."""
LITTLE = 0.01
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_AGES = ((DAY, "day", "days"), (HOUR, "h", "h"), (MINUTE, "min", "min"), (timedelta(seconds=1), "s", "s"))


@dataclass(frozen=True, slots=True)
class Change:
    """A change as glyph, sign and number, and in words for those who hear the page."""

    glyph: str
    text: str
    spoken: str
    kind: str
    """`fall`, `rise` or `same`, for the colour."""


@dataclass(frozen=True, slots=True)
class Formats:
    """The formats of a viewer at one moment."""

    viewer: Viewer
    now: datetime

    @property
    def minute(self) -> datetime:
        """The minute in which the page is made."""
        return self.now.replace(second=0, microsecond=0)

    def number(self, value: float | Decimal | None) -> str:
        """Write a number without decimals, grouped as in the viewer's language; money has no currency here."""
        return NONE if value is None else format_decimal(value, "#,##0", self.viewer.locale)

    def decimal(self, value: Decimal | None) -> str:
        """Write a number with the decimals that it has, two at most."""
        return NONE if value is None else format_decimal(value, "#,##0.##", self.viewer.locale)

    def signed(self, value: int) -> str:
        """Write a number with its sign."""
        sign = "\N{MINUS SIGN}" if value < 0 else "+" if value > 0 else ""
        return f"{sign}{self.number(abs(value))}"

    def percent(self, share: float | None, decimals: str = "") -> str:
        """Write a share, 0 to 1, in percent."""
        if share is None:
            return NONE
        return f"{format_decimal(share * 100, f'#,##0{decimals}', self.viewer.locale)}\N{NO-BREAK SPACE}%"

    def share(self, share: float | None, less: str = "<", more: str = ">") -> str:
        """Write a share in whole percent; rounding turns no small one into 0 % and no large one into 100 %."""
        if share is not None and 0 < share < LITTLE:
            return f"{less}{self.percent(LITTLE)}"
        return (
            f"{more}{self.percent(1 - LITTLE)}" if share is not None and 1 - LITTLE < share < 1 else self.percent(share)
        )

    def change(self, before: int | None, after: int | None) -> Change | None:
        """Describe how a price changed; None without both prices, or from a price of 0."""
        if before is None or after is None or before == 0:
            return None
        share = self.percent(abs(after - before) / before, ".0")
        if after != before and abs(after - before) / before < SMALLEST:
            share = f"<{self.percent(SMALLEST, '.0')}"
        if after < before:
            return Change("▼", f"\N{MINUS SIGN}{share}", f"fell by {share}", "fall")
        if after > before:
            return Change("▲", f"+{share}", f"rose by {share}", "rise")
        return Change("=", share, "did not change", "same")

    def day(self, at: datetime) -> str:
        """Write a day in the viewer's zone, with the year unless it is the present one."""
        local = at.astimezone(self.viewer.zone)
        skeleton = "MMMd" if local.year == self.now.astimezone(self.viewer.zone).year else "yMMMd"
        return format_skeleton(skeleton, local, locale=self.viewer.locale)

    def clock(self, at: datetime) -> str:
        """Write hours and minutes in the viewer's zone."""
        return format_time(at.astimezone(self.viewer.zone), "short", locale=self.viewer.locale)

    def moment(self, at: datetime) -> str:
        """Write day and time in the viewer's zone."""
        return f"{self.day(at)}, {self.clock(at)}"

    def second(self, at: datetime) -> str:
        """Write day and time in the viewer's zone, to the second."""
        time = format_time(at.astimezone(self.viewer.zone), "medium", locale=self.viewer.locale)
        return f"{self.day(at)}, {time}"

    def since(self, at: datetime) -> str:
        """Write the time of day, with the day unless it is the present one."""
        today = self.now.astimezone(self.viewer.zone).date()
        return self.clock(at) if at.astimezone(self.viewer.zone).date() == today else self.moment(at)

    def age(self, at: datetime) -> str:
        """Write how long ago a time was."""
        return f"{self.length(self.now - at)} ago"

    def length(self, length: timedelta) -> str:
        """Write a length of time in its largest unit."""
        for unit, one, many in _AGES:
            if length >= unit:
                count = length // unit
                return f"{count}\N{NO-BREAK SPACE}{one if count == 1 else many}"
        return "0\N{NO-BREAK SPACE}s"
