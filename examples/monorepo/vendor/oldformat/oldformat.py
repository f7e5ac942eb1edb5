"""Used only by the member that no target needs."""
