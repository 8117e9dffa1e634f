"""The border to HTTP: the table of operations, what requests mean and what answers look like."""
