"""Live collaborative text annotations for any ASGI app, with one line."""

__version__ = "0.1.0"
