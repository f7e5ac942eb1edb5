"""Counts things by name."""

from collections import Counter

COUNTS = Counter()


def count(name):
    """Counts one more."""
    COUNTS[name] += 1


def report():
    """One line a name."""
    return "".join(f"{name} {number}\n" for name, number in sorted(COUNTS.items()))
