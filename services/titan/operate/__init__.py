"""What an operator runs by hand, while the system runs: import, validate, status, verify, rebuild.

Every command is one function that gives the exit status: 0 where all is well, 1 where something was refused or
differs, 2 where it could not be found out. It says what it has to say on the console that it is given; progress goes to
stderr, so that what is said can be piped. None of them keeps more than a few megabytes of documents in memory.

An import goes through the API, like any other producer: there is no second way in. Verification reads one snapshot of
PostgreSQL and allows for what changes in Redis meanwhile.
"""
