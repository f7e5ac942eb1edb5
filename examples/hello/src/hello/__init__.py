"""Says hello."""

import os

from boxtext import boxed_greeting


def main() -> None:
    """Prints a greeting."""
    print(boxed_greeting(os.environ.get("HELLO_NAME", "world")))
