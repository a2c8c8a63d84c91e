"""The tables of those that are written without mediascribe."""

RESULTS = """CREATE TABLE IF NOT EXISTS result (
    path text PRIMARY KEY, batch text NOT NULL, began double precision NOT NULL, output jsonb NOT NULL,
    ended double precision NOT NULL DEFAULT extract(epoch FROM clock_timestamp())
)"""
"""Of those that need no row for a job: a script keeps none, Procrastinate has its own."""

INSERT_RESULT = "INSERT INTO result (path, batch, began, output) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"

JOBS_AND_RESULTS = """
CREATE TABLE job (
    id serial PRIMARY KEY, batch text NOT NULL, path text NOT NULL, state text NOT NULL DEFAULT 'queued',
    began double precision, ended double precision
);
CREATE TABLE result (job_id integer PRIMARY KEY REFERENCES job, output json NOT NULL);
"""
"""Of those whose queue is Redis, which is no place to keep a job."""
