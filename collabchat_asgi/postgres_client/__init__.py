"""PostgreSQL as both back ends reach it: one URL, one way to connect, one meaning of its errors."""
