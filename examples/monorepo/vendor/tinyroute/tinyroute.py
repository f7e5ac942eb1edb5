"""Finds the handler of a path."""


class Router:
    """Handlers by path; `{}` stands for one segment, given to the handler as an argument."""

    def __init__(self):
        self.routes = []

    def add(self, pattern, handler):
        """Adds a route."""
        self.routes.append((pattern.split("/"), handler))

    def find(self, path):
        """The handler and its arguments, or None."""
        parts = path.split("/")
        for pattern, handler in self.routes:
            if len(pattern) == len(parts) and all(want in ("{}", part) for want, part in zip(pattern, parts)):
                return handler, [part for want, part in zip(pattern, parts) if want == "{}"]
        return None
