"""The read tier: bytes go out as they were stored, from memory, Redis or PostgreSQL, whichever has them first.

*A replica has nothing of its own.* More of them read more; one that is killed is missed by nobody but its clients'
connections. It writes to no store but its lease.

*Memory only under a lease.* A replica serves from memory while it can prove that writers wait for it: it follows the
announcements, reports the position that it has reached and renews its lease, counted from before the renewal was sent.
Without the proof it asks PostgreSQL until it has caught up. What was being loaded while its subject was announced is
given to its client and not kept.

*A miss in Redis is never a 404.* It is a question to PostgreSQL, which has the truth.

*Announcements are followed on a thread of their own:* a loop that is busy with large answers would report late, and
every write would wait for it. Rejected: times to live, which are either stale or useless.
"""
