"""Bundles: every id once, in order, small enough that every worker gets some."""

from hypothesis import given
from hypothesis import strategies as st

from worker.dispatch import MAX_BUNDLE, _bundles


@given(count=st.integers(0, 3_000), workers=st.integers(0, 200))
def test_every_id_is_in_one_bundle_and_none_is_too_large(count: int, workers: int) -> None:
    ids = [f"job_{number}" for number in range(count)]
    bundles = _bundles(ids, workers=workers)
    assert [job_id for bundle in bundles for job_id in bundle] == ids
    assert all(1 <= len(bundle) <= MAX_BUNDLE for bundle in bundles)


@given(workers=st.integers(1, 50), spare=st.integers(0, 500))
def test_where_there_is_enough_for_all_every_worker_can_get_some(workers: int, spare: int) -> None:
    """Nearly: the last bundles may be short by what did not divide."""
    ids = [str(number) for number in range(workers + spare)]
    bundles = _bundles(ids, workers=workers)
    assert len(bundles) * 2 > min(workers, len(ids))
    assert max(map(len, bundles)) <= -(-len(ids) // workers)


def test_many_jobs_for_few_workers_go_in_full_bundles() -> None:
    assert [len(bundle) for bundle in _bundles(["a"] * 100, workers=2)] == [32, 32, 32, 4]


def test_few_jobs_for_many_workers_go_one_by_one() -> None:
    assert [len(bundle) for bundle in _bundles(["a", "b", "c"], workers=10)] == [1, 1, 1]
