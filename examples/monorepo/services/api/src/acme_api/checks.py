"""Run by the target `api-checks`."""

from acme_api import ROUTER, item


def check_an_item_has_a_price() -> None:
    """Through the router, as a request would."""
    handler, arguments = ROUTER.find("/items/anvil")
    assert handler(*arguments) == "49.99 EUR\n"
    assert item("anvil") == "49.99 EUR\n"


def check_an_unknown_path_has_no_handler() -> None:
    """Nobody answers."""
    assert ROUTER.find("/nowhere") is None
