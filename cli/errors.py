"""`mediascribe errors`: failures grouped by code and cause."""

from cli import filters


def errors(
    kind: filters.Kind = None,
    batch: filters.Batch = None,
    since: filters.Since = None,
    owner: filters.Owner = None,
    *,
    as_json: filters.Json = False,
) -> None:
    """Show failures grouped by code and cause, the most frequent first, each with an example."""
    from cli.console import emit_json, emit_table, one_line
    from cli.opening import opened
    from models.store import causes
    from worker.shapes import failure_group_shape

    with opened() as (_, database):
        wanted = filters.job_filter(database, kind=kind, batch=batch, since=since, owner=owner)
        groups = causes.failure_groups(database, wanted)
    if as_json:
        emit_json({"errors": [failure_group_shape(group) for group in groups]})
        return
    rows = [(group.count, group.code, one_line(group.message, width=300), group.example_job_id) for group in groups]
    emit_table(["jobs", "code", "cause", "example"], rows, right=["jobs"])
