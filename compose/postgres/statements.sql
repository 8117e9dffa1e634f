-- Run once, when the database is made: which queries are slow.
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
