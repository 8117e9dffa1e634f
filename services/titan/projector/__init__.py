"""The projector: turns events into what is read, rows of the read model and finished documents in Redis.

*One is active.* The lock belongs to the session of a connection, so a projector that is killed has lost it before
anybody could miss it; the others stand by. Rejected: to share the events out, since order is what followers rely on.

*Twice is like once.* Rows and bookmark are one transaction, documents and announcement one script, in this order. A
crash in between is found by comparing the two positions, and what was not announced is announced again.

*Nothing here is precious.* The read model and Redis can be thrown away and made again from the journal; so commits need
not wait for the disk.

*One bad event harms one document.* It is parked with its error and counted, and everything else goes on.
"""
