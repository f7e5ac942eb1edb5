"""Knows what things cost."""

from plainmoney import euros

CENTS = {"anvil": 4999, "tea": 350}


def price(item):
    """In cents."""
    return CENTS[item]


def main():
    """Prints the list."""
    for item, cents in CENTS.items():
        print(item, euros(cents))
