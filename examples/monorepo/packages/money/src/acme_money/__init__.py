"""Prices."""


def price(cents: int) -> str:
    """Cents as people write them."""
    return f"{cents // 100}.{cents % 100:02} EUR"
