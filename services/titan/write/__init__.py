"""The write tier: commands come in, facts are recorded in the journal, and that is the one place it writes to.

*One append.* A handler never writes to two stores. Caches, lists, the stream and the bridge follow the journal; what a
crash in between leaves undone, its follower does again. The layers forbid the caches' module here.

*Optimistic.* A command is decided on the revision that was looked at; the journal refuses a second fact at one
revision, and the loser looks again. Rejected: locks on documents, which a client that hangs would hold.

*Answered when it can be seen.* A write is answered once the projector and every replica with a living lease are past
its position, so that whoever reads next, anywhere, reads it. Rejected: a token that clients send along, since clients
of the standard know none. What is missing for that (no projector, no Redis) makes the answer wait, never fail: the fact
is recorded, and a refusal would make the client write it twice.

*The relay lives here,* since a writer knows first that there is something to carry. One writer leads, by a lock that
its session holds; the rest stand by.
"""
