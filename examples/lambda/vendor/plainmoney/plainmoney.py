"""Writes amounts of money."""


def euros(cents):
    """`1234` -> `12.34 EUR`."""
    return f"{cents // 100}.{cents % 100:02} EUR"
