"""The metamodel of the Asset Administration Shell, Part 1 v3.1, as structs.

What can be said by a type is said by a type and checked while a body is decoded: classes, enumerations, lengths,
patterns, what is required. What cannot is a constraint, a small function named by its rule. Values stay strings in the
lexical form in which they were sent; nothing here turns them into numbers or dates, which would lose what was sent.

Structs are frozen and have no cycles, so the collector of garbage need not look at them (`gc=False`).
"""
