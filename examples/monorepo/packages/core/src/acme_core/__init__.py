"""Settings that every service reads."""

import os


def shop_name() -> str:
    """The name of the shop."""
    return os.environ.get("SHOP_NAME", "a shop")
