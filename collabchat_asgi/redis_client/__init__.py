"""Redis as both back ends reach it: one server, a master that Sentinels name, or a cluster.

redis-py speaks with each server (protocol, TLS, passwords). Which server has a key is decided
here, because its cluster client cuts every caller's connection on anyone's error, and because
listeners need to know the server of each topic anyway. Nothing here differs from redis-py 5 to 8.
"""
