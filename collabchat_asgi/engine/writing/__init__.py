"""From an operation that came to its commit and its answer."""
