"""What is taken out of a page for good: a person, a page, what is too old."""
