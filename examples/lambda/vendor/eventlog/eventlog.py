"""Reads events."""


def field(event, name):
    """What an event says; an error names what it does not."""
    if name not in event:
        raise ValueError(f"the event has no {name}")
    return event[name]
