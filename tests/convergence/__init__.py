"""The convergence proof: the browser's client in Node against the real engine, in virtual time.

One Python process holds two engines ("two processes") on one storage and a bus that loses, repeats
and delays; one Node process holds two to five clients, their browsers and the network between. Node
owns the schedule and the clock. Nothing is random but the seed, so that a failing schedule can be
looked at as often as may be:

    python -m tests.convergence --first 4711 --schedules 1 --trace
"""
