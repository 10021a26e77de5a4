"""How processes tell each other that a page has moved. `abc` is the contract."""
