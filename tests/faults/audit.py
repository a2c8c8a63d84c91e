"""The audit: after whatever happened, do the books and the other side's ledger agree that nothing was lost?

It knows nothing of the workers and uses none of our code: it reads the rows (`books`) and the simulator's ledger, and
names every broken invariant. The names I1 to I11 are those of the fault tests' plan:

I1 every accepted job is final; I2 no job that nobody accepted; I3 one result for each success and none else;
I4, I5 the history is a path of the state machine, claim by claim, and ends where the job stands; I6 no ending but that of
the claim that was running; I7 attempts and losses are bounded, and waiting spends none; I8 what was paid is in the books,
up to what was in flight when a process was killed, and nothing is paid twice beyond that; I9 no two calls about one clip
at once while the lease is honoured; I11 nothing is held when all is done. (I10, liveness, is a matter of time: the tests
themselves wait with deadlines.)
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.faults.books import Books, Row

FINAL = {"succeeded", "partial", "failed", "cancelled"}
ENDS_IN = {
    "succeed": "succeeded", "succeed_partly": "partial", "fail": "failed", "lose": "failed", "cancel": "cancelled"
}  # fmt: skip
GOES_ON = {"wait", "give_back", "lapse"}
LOSSES_AT_MOST = 5

Call = Mapping[str, Any]
"""One line of the simulator's ledger."""


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What a scenario may cost without breaking a promise."""

    lost_answers: int = 0
    """Paid answers that no book holds: at most the calls in flight when processes were killed."""
    paid_again: int = 0
    """Questions that were paid for once more: as above, and those whose worker was out of reach beyond its lease."""
    ghosts: bool = False
    """May there be jobs that the test has no receipt for (a submitter was killed)?"""
    unfinished: bool = False
    """May jobs still be in the line, because the test ended before the work did?"""
    retried_by_hand: bool = False
    """Did somebody retry finished jobs? Then a history may go on after an end."""


@dataclass(kw_only=True)
class Audit:
    """What the audit found."""

    violations: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    paid: int = 0
    lost_answers: int = 0
    paid_again: int = 0

    def hold(self) -> "Audit":
        """Fail the test if an invariant is broken."""
        shown = "\n".join(self.violations[:20])
        assert not self.violations, f"{len(self.violations)} broken invariants:\n{shown}"
        return self


def audit(books: Books, ledger: Sequence[Call], accepted: Iterable[str], allowance: Allowance | None = None) -> Audit:
    """Judge the books after the end against the receipts and the ledger (calls about other jobs are left out)."""
    allowed = allowance or Allowance()
    jobs = {job["id"]: job for job in books.jobs}
    calls = [call for call in ledger if call["labels"].get("job") in jobs]
    found = Audit(states=Counter(job["state"] for job in books.jobs))
    found.violations += [
        *_accepted_and_final(jobs, set(accepted), allowed),
        *_results(jobs, books.results),
        *_histories(jobs, books.attempts, allowed),
        *_bounds(jobs),
        *_sums(jobs, books.calls),
        *_money(found, books.calls, calls, allowed),
        *_overlaps(books.attempts, calls),
        *_leftovers(jobs),
    ]
    return found


def _accepted_and_final(jobs: Mapping[str, Row], accepted: set[str], allowed: Allowance) -> Iterator[str]:
    yield from (f"I1 {job_id} was accepted and is not in the books" for job_id in sorted(accepted - jobs.keys()))
    proper = FINAL | {"queued", "waiting"} if allowed.unfinished else FINAL
    yield from (f"I1 {job['id']} is {job['state']}, not final" for job in jobs.values() if job["state"] not in proper)
    if not allowed.ghosts:
        yield from (f"I2 {job_id} was accepted from nobody" for job_id in sorted(jobs.keys() - accepted))


def _results(jobs: Mapping[str, Row], results: Sequence[Row]) -> Iterator[str]:
    have = Counter(result["job_id"] for result in results)
    for job in jobs.values():
        expected = 1 if job["state"] in {"succeeded", "partial"} else 0
        if have[job["id"]] != expected:
            yield f"I3 {job['id']} is {job['state']} and has {have[job['id']]} results"


def _histories(jobs: Mapping[str, Row], attempts: Sequence[Row], allowed: Allowance) -> Iterator[str]:
    by_job: dict[str, list[Row]] = defaultdict(list)
    for attempt in attempts:
        by_job[attempt["job_id"]].append(attempt)
    for job_id, job in jobs.items():
        history = by_job[job_id]
        claims = [attempt["claim"] for attempt in history]
        if claims != list(range(1, job["claim"] + 1)):
            yield f"I5 {job_id} was claimed {job['claim']} times, and its history has the claims {claims}"
        outcomes = [attempt["outcome"] for attempt in history]
        ends = [attempt["ended_at"] for attempt in history]
        if ends != sorted(ends):
            yield f"I6 {job_id}: an earlier claim ended after a later one: {outcomes}"
        if not allowed.retried_by_hand and any(outcome not in GOES_ON for outcome in outcomes[:-1]):
            yield f"I4 {job_id} went on after its end: {outcomes}"
        yield from _last(job, outcomes)


def _last(job: Row, outcomes: list[str]) -> Iterator[str]:
    """A job ends by the ending of its last claim; or, while nobody held it, by a cancel or its deadline."""
    last = outcomes[-1] if outcomes else None
    ended_unheld = job["state"] == "cancelled" or job["error_code"] == "deadline_exceeded"
    if last in ENDS_IN and ENDS_IN[last] != job["state"] and not ended_unheld:
        yield f"I5 {job['id']} is {job['state']}, but its last claim ended with {last}"
    if job["state"] in FINAL and (last is None or last in GOES_ON) and not ended_unheld:
        yield f"I5 {job['id']} is {job['state']}, but no claim of it ended so: {outcomes}"


def _bounds(jobs: Mapping[str, Row]) -> Iterator[str]:
    for job in jobs.values():
        if job["attempts"] > job["max_attempts"]:
            yield f"I7 {job['id']} had {job['attempts']} attempts of {job['max_attempts']}"
        if job["losses"] > LOSSES_AT_MOST:
            yield f"I7 {job['id']} lost {job['losses']} workers and was not ended"


def _sums(jobs: Mapping[str, Row], calls: Sequence[Row]) -> Iterator[str]:
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for call in calls:
        sums[call["job_id"]] += Counter(
            calls=1, input_tokens=call["input_tokens"], output_tokens=call["output_tokens"], cost_usd=call["cost_usd"] or 0
        )  # fmt: skip
    for job in jobs.values():
        for name in ("calls", "input_tokens", "output_tokens", "cost_usd"):
            if job[name] != sums[job["id"]][name]:
                yield f"I8 {job['id']} says {name} {job[name]}, its calls add up to {sums[job['id']][name]}"


def _money(found: Audit, stored: Sequence[Row], ledger: Sequence[Call], allowed: Allowance) -> Iterator[str]:
    booked = Counter(_sequence(call["response_id"]) for call in stored if call["response_id"])
    yield from (
        f"I8 answer {answer} stands {count} times in the books" for answer, count in booked.items() if count > 1
    )
    paid = [call for call in ledger if call["paid"] and call["status"] == 200]
    given = [call for call in paid if call["delivered"] or call["fault"] is None]
    questions = Counter((call["labels"]["job"], call["labels"].get("clip")) for call in paid if call["fault"] in _GOOD)
    found.paid = len(paid)
    found.lost_answers = sum(call["sequence"] not in booked for call in given)
    found.paid_again = sum(count - 1 for count in questions.values())
    if found.lost_answers > allowed.lost_answers:
        yield f"I8 {found.lost_answers} paid answers are in no book; {allowed.lost_answers} were in flight at kills"
    if found.paid_again > allowed.paid_again:
        yield f"I8 {found.paid_again} questions were paid for again; {allowed.paid_again} may have been"


_GOOD = {None, "late", "trickle"}
"""Faults of the simulator after which an answer is as good as any."""


def _sequence(response_id: str) -> int:
    """The simulator numbers its answers; the number ends the response's id."""
    return int(response_id.rpartition("-")[2])


def _overlaps(attempts: Sequence[Row], ledger: Sequence[Call]) -> Iterator[str]:
    lost = {attempt["job_id"] for attempt in attempts if attempt["outcome"] in {"lapse", "lose"}}
    given_up = {attempt["job_id"] for attempt in attempts if attempt["code"] == "gemini_timeout"}  # Gemini works on
    spans: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for call in ledger:
        begun = datetime.fromisoformat(call["time"]).timestamp()
        spans[call["labels"]["job"], call["labels"].get("clip", "0")].append((begun, begun + call["seconds"]))
    for (job_id, clip), found in spans.items():
        overlap = any(later[0] < earlier[1] for earlier, later in itertools.pairwise(sorted(found)))
        if overlap and job_id not in lost | given_up:
            yield f"I9 clip {clip} of {job_id} was asked about twice at once, and no lease had ended"


def _leftovers(jobs: Mapping[str, Row]) -> Iterator[str]:
    for job in jobs.values():
        held = [name for name in ("lease_owner", "lease_until", "announced_until", "due_at") if job[name] is not None]
        if held and job["state"] in FINAL:
            yield f"I11 {job['id']} is {job['state']} and still has {held}"
