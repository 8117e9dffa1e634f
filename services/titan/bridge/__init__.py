"""The bridge to MQTT: publishes what happened to documents.

*A process of its own,* so that a slow or absent broker costs no request anything.

*It follows the journal* from a bookmark of its own, which moves when the broker has acknowledged. While the broker is
away nothing is lost, only late, and what may have been published before a crash is published again. Rejected: to
publish from the handler of a write, which loses what was recorded just before a crash.

*It writes nothing but its bookmark.* A message that is to change a document would have to be a command like any other,
decoded, checked, decided and recorded by the write tier: there is no way around the journal.
"""
