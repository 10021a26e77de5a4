"""Who is connected, what they may, and how they come onto a page."""
