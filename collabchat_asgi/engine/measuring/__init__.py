"""What is counted, by whom it is asked, and where it ends."""
