"""Documents as bytes: from JSON to structs and back, in parts, as views.

A body is decoded once, encoded once, and from then on its bytes are what is stored, cached and sent. What only passes
bytes on (views, parts, summaries) does not ask whether they are valid: they were checked when they came, or let through
on purpose.
"""
