"""Where pages are kept. `abc` is the contract; the others are chosen by URL."""
