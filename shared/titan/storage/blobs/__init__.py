"""Contents that are no documents: attachments, thumbnails, packages, and the values of large Blobs.

A content stands under its SHA-256 (its *digest*), so that it never changes, is stored once however often it is sent,
and can be replaced without a moment of loss: the new one stands before the fact that refers to it is recorded, the old
one is collected when nothing refers to it any more (`collect`). What refers to a digest is the state in PostgreSQL
alone; there is no counter that could be wrong.

Whoever writes claims a digest before looking whether its content is there (see `collect`): a store that is opened with
a `claim` does that in `put`. Who records a fact with a digest that was stored before claims it before that, and asks
`size` where the fact is worth nothing without the content.

There is one implementation of streaming, hashing, limits and threads (`shelf.Shelved`) over small synchronous ones of
each kind of store, since the clients for S3, GCS and Azure are synchronous. Contents go through a file of the machine
on their way in, because their digest, which is their name, is known at the end only.

Drivers are extras of the distribution: each is imported by its own module alone, and that module by `open_blobs` when
the settings ask for it.
"""
