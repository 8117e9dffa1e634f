"""What a process tells about itself: log lines and metrics.

Lines go to standard error, one JSON object each (or for a person at a terminal), whoever wrote them: structlog writes
its own through the standard library's `logging`, so that granian, psycopg and ours come out in one form, with one
level, and with no password in any of them. Standard output belongs to what a command was asked for, such as an export.
Nobody below this package logs; what is pure returns values.

Metrics live in a registry that is made with the process's parts and handed to whoever counts. The client's global
registry was rejected: a test could not start two processes' worth of parts, and nobody could see who counts what.
Labels are bounded by construction: a method of HTTP, a name out of a table, a status. A path, an identifier or a
client's word is never a label, since each value is a time series for as long as the process lives.

A registry is of one process. With several workers behind one port, a scrape sees one of them, so each labels its series
with `worker`: rates are right, only coarser; where figures matter, scrape replicas. The client's multi-process mode was
rejected: it wants a directory and a variable of the environment before the first import, and forgets gauges that are
read when asked for.
"""
