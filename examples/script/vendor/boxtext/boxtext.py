"""Draws a box around a line."""

import phrasebook


def box(line):
    """The line between bars."""
    return f"[ {line} ]"


def boxed_greeting(name):
    """A greeting between bars."""
    return box(phrasebook.greet(name))
