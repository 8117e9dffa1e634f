"""What may happen to documents, decided and projected as pure functions.

    decide(command, standing) -> Fact      what a command means, given how the document stands
    Replay()(told)             evolves a document event by event; the journal replayed gives the state
    project(event)            -> Change    what an event means for the read model and the caches

A fact holds bytes that are already canonical: nothing here decodes what it only passes on. Time, positions and
revisions are handed in. Nothing here waits for anything.
"""
