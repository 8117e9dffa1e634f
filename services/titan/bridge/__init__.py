"""The bridge to MQTT: publishes what happened, and turns messages into commands.

*A process of its own,* so that a slow or absent broker costs no request anything.

*Out, it follows the journal* from a position that it keeps: while the broker is away nothing is lost, only late, and
what may have been published before a crash is published again. Rejected: to publish from the handler of a write, which
loses what was recorded just before a crash.

*In, a message is a command* like any other: decoded, checked, decided and recorded by the same code. There is no way
around the journal.
"""
