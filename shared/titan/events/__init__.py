"""What may happen to documents, decided and projected as pure functions.

    decide(command, standing) -> Fact      what a command means, given how the document stands
    evolve(standing, event)   -> Standing  how it stands after the event; `replay` does so for whole documents
    project(event)            -> Change    what an event means for the read model and the caches

A fact holds bytes that are already canonical: nothing here decodes what it only passes on. Time, positions and
revisions are handed in. Nothing here waits for anything.
"""
