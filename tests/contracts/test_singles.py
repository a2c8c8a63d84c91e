"""Single jobs that are stored together: each comes to what it would have come to alone."""

import random
from concurrent.futures import ThreadPoolExecutor

from models.database import Database
from models.store import dispatch, queries
from models.store.queries import JobFilter, JobView
from models.store.receipts import AnsweredBeforeError, KeyReusedError, Request
from models.store.singles import Outcome, Single, submit_singles
from models.store.submit import NewBatch
from tests.contracts.jobs import new_job, new_worker, submit_jobs


def single(number: int, *, key: str | None = None, body: str = "b", owner: str = "default") -> Single:
    request = None if key is None else Request(owner=owner, request="POST /v1/jobs", key=key, fingerprint=body)
    return Single(owner=owner, job=new_job(number, metadata={"n": number}), request=request)


def job_id(outcome: Outcome) -> str:
    return outcome.id if isinstance(outcome, JobView) else outcome.answer["job_ids"][0]  # type: ignore[union-attr]


def test_each_of_a_group_has_its_own_outcome(database: Database) -> None:
    (before,) = submit_singles(database, [single(0, key="known")])
    group = [
        single(1), single(2, key="k"), single(2, key="k"), single(3, key="k", body="other"), single(0, key="known"),
        single(4, key="k", owner="somebody else"), single(5, key="l"),
    ]  # fmt: skip
    new, first, twin, reused, replay, elsewhere, last = submit_singles(database, group)
    assert isinstance(reused, KeyReusedError)
    assert isinstance(twin, AnsweredBeforeError)
    assert (job_id(twin), job_id(replay)) == (job_id(first), job_id(before))
    for made, number in ((new, 1), (first, 2), (elsewhere, 4), (last, 5)):
        assert isinstance(made, JobView)
        assert made.metadata == {"n": number}
        assert queries.list_jobs(database, JobFilter(ids=(made.id,)), limit=2) == [made]
    assert len(queries.list_jobs(database, JobFilter(), limit=20)) == 5


def test_groups_with_the_same_keys_at_the_same_moment_make_each_job_once(database: Database) -> None:
    keys = [str(number) for number in range(20)]

    def run(seed: int) -> list[Outcome]:
        order = random.Random(seed).sample(keys, len(keys))
        return submit_singles(database, [single(int(key), key=key) for key in order])

    with ThreadPoolExecutor(8) as pool:
        outcomes = [outcome for group in pool.map(run, range(8)) for outcome in group]
    assert len({job_id(outcome) for outcome in outcomes}) == len(keys)
    assert sum(isinstance(outcome, JobView) for outcome in outcomes) == len(keys)


def test_single_jobs_of_one_owner_take_no_larger_share_than_a_batch_of_another(database: Database) -> None:
    """As if each of them had come alone, one after the other."""
    new_worker(database)
    together = [
        each.id for each in submit_singles(database, [single(n) for n in range(30)]) if isinstance(each, JobView)
    ]
    few = submit_jobs(database, 20, batch=NewBatch(owner="few")).job_ids
    announced = dispatch.announce(database, limit=20)
    assert [each for each in announced if each in together] == together[:10]
    assert [each for each in announced if each in few] == list(few[:10])
