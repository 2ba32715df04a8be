"""The small step line beside each product of a list."""

from collections.abc import Sequence

WIDTH, HEIGHT, MARGIN = 112, 28, 3


def sparkline(prices: Sequence[int | None]) -> str:
    """Return the path of an SVG of WIDTH by HEIGHT; it is empty without a price, and gaps stay gaps."""
    known = [price for price in prices if price is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    step = (WIDTH - 2 * MARGIN) / len(prices)

    def y(price: int) -> float:
        return round(HEIGHT / 2 if low == high else HEIGHT - MARGIN - (price - low) / (high - low) * 22, 1)

    parts: list[str] = []
    last: int | None = None
    for place, price in enumerate([*prices, None]):
        x = round(MARGIN + place * step, 1)
        if price == last:
            continue
        if last is not None:
            parts.append(f"H{x:g}")
        if price is not None:
            parts.append(f"V{y(price):g}" if last is not None else f"M{x:g} {y(price):g}")
        last = price
    return "".join(parts)
