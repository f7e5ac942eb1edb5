"""What is for sale."""

import json
from importlib.resources import files

from acme_money import price
from plaintable import table


def items() -> dict[str, int]:
    """Prices in cents, by name: package data, to see that it is installed."""
    return json.loads(files("acme_catalog").joinpath("items.json").read_text("utf-8"))


def listing() -> str:
    """One line an item."""
    return table([(name, price(cents)) for name, cents in items().items()])
