"""Faults inside PostgreSQL itself, laid as triggers into a test's own database.

Statements can be made to fail as they do when servers are in trouble, and a commit can be made to say so in a NOTICE
before it is done. A tripwire of the proxy on that NOTICE then takes the answer away from exactly this commit, which no
pattern in what clients send could name: every COMMIT looks the same.
"""

from typing import Literal

from tests.faults.books import query

Moment = Literal["submit", "claim", "record"]
Outcome = Literal["committed", "rolled back"]

NOTICE = b"about to be committed"
"""What a commit of `tell_of_commit` sends to its client, ahead of everything else that it answers."""

_EVENTS: dict[Moment, tuple[str, str]] = {
    "submit": ("INSERT ON job", "true"),
    "claim": ("UPDATE ON job", "NEW.claim > OLD.claim"),
    "record": ("INSERT ON result", "true"),
}


def tell_of_commit(url: str, moment: Moment, *, outcome: Outcome = "committed", times: int = 1) -> None:
    """Have the next so many commits of that moment send the NOTICE, and end in that way whatever becomes of the client."""
    event, condition = _EVENTS[moment]
    # Told once a transaction: a server that writes to a client which is gone gives its transaction up.
    query(
        url,
        f"""
        CREATE SEQUENCE told;
        CREATE FUNCTION tell_of_commit() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF current_setting('faults.told', true) = txid_current()::text THEN RETURN NULL; END IF;
            PERFORM set_config('faults.told', txid_current()::text, true);
            IF nextval('told') > {times} THEN RETURN NULL; END IF;
            RAISE NOTICE '{NOTICE.decode()}';
            PERFORM pg_sleep(0.2);
            IF '{outcome}' = 'rolled back' THEN RAISE EXCEPTION 'rolled back after all' USING ERRCODE = '57P01'; END IF;
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER tell_of_commit AFTER {event} DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION tell_of_commit();
        """,
    )


def fail_statements(url: str, *, every: int) -> None:
    """Let each so-many-th statement that writes to job, call, attempt or result fail, in turn with 40P01, 40001, 53100."""
    tables = "".join(
        f"""
        CREATE TRIGGER fail_sometimes BEFORE INSERT OR UPDATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION fail_sometimes();
        """
        for table in ("job", "call", "attempt", "result")
    )
    query(
        url,
        f"""
        CREATE SEQUENCE statements;
        CREATE SEQUENCE failures MINVALUE 0;
        CREATE FUNCTION fail_sometimes() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE codes text[] := ARRAY['40P01', '40001', '53100'];
        BEGIN
            IF nextval('statements') % {every} = 0 THEN
                RAISE EXCEPTION 'an injected fault' USING ERRCODE = codes[1 + nextval('failures') % 3];
            END IF;
            RETURN NULL;
        END $$;
        {tables}
        """,
    )


def failed_statements(url: str) -> int:
    """How many statements were made to fail."""
    (row,) = query(url, "SELECT CASE WHEN is_called THEN last_value + 1 ELSE 0 END AS n FROM failures")
    return int(row["n"])
