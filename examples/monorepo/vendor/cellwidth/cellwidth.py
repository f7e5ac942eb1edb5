"""How many cells a text takes on a terminal."""

import unicodedata


def width(text):
    """Wide characters take two cells."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
