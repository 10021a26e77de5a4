"""A page as this process knows it: its state, its log, its readers."""
