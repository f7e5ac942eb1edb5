"""Aligns columns of text."""

from cellwidth import width


def table(rows):
    """Rows of strings as lines."""
    widths = [max(width(cell) for cell in column) for column in zip(*rows)]
    pad = lambda cell, wanted: cell + " " * (wanted - width(cell))
    return "".join("  ".join(map(pad, row, widths)).rstrip() + "\n" for row in rows)
