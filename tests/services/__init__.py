"""Real servers as tests need them: started on free loopback ports, and stopped."""
