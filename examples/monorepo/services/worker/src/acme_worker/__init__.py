"""Does one piece of work and ends."""

import os
import sys
from importlib.metadata import version

from acme_core import shop_name
from acme_money import price


def main() -> None:
    """Sums up the amounts on the command line, and says for whom and as whom."""
    total = sum(int(argument) for argument in sys.argv[1:])
    print(f"{shop_name()}: {price(total)}, uid {os.getuid()}")
    if total > 10_000:
        sys.exit(4)


def print_version() -> None:
    """The version, from the metadata that is installed."""
    print(version("acme-worker"))
