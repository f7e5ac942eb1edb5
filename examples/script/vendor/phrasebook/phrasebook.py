"""Greetings in several languages."""

GREETINGS = {"en": "hello", "de": "hallo", "ja": "こんにちは"}


def greet(name, language="en"):
    """Greets `name`."""
    return f"{GREETINGS[language]}, {name}"
