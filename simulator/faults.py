"""The script of faults: which calls go wrong, and how.

A script is a JSON list of rules; the first rule that fires decides. A rule counts the calls that meet its `model`,
`tier` (flex, standard, priority, batch), `media_sha256`, `label` and `text_contains` (and can be befallen by its fault, see
below), and fires on those that its `nth`, `every` and `probability` choose (all of them where none is given), at most
`times` times:

    [{"match": {"nth": [1, 3]}, "fault": {"kind": "503"}},
     {"match": {"every": 10, "model": "gemini-3.8-flash"}, "fault": {"kind": "429_minute", "retry_after_seconds": 2}},
     {"match": {"probability": 0.05}, "times": 20, "fault": {"kind": "late", "seconds": 3}},
     {"match": {"tier": "flex"}, "fault": {"kind": "503"}},
     {"match": {"label": {"job": "a"}, "text_contains": "photo"}, "fault": {"kind": "finish", "reason": "SAFETY"}}]

Only valid calls count: a bad request is refused before the script is asked. The rows of a batch count as calls, of the tier
`batch`; what concerns the sending of a reply does not befall them. Kinds:

- error replies, by name: see `errors.CATALOGUE` (`retry_after_seconds` sets the wait of `429_minute`, `429_day`,
  `429_several`)
- `blocked` (`reason`: promptFeedback.blockReason), `finish` (`reason`: any finishReason; MAX_TOKENS keeps half of the
  text, others have no text), `empty_stop`, `empty_candidates`, `empty_body`
- a 200 not to be believed, by its form: `fenced`, `wrong_shape`, `not_json`, `two_objects`, `clock_times` (`00:01:02` for
  numbers); by what it says: `refusal` (as prose), `refusal_json`, `wrong_language`, `loop`, `fragments` (words that the clip's
  edges cut come as half of their letters), `half_heard` (the rest is left out), `half_tokens` (that, and half of the
  AUDIO tokens), `audio_not_heard` (no AUDIO tokens, and a text), `text_on_silence`; by its times: `bad_times`,
  `times_backward`, `times_out_of_range`, `times_invented` (evenly spread)
- `cached`: half of the input comes from a cache, and costs as such; nothing else is amiss
- only where the longest sound has more than `seconds`: `truncate_over` (MAX_TOKENS), `recitation_over`, `loop_over`
- only where the temperature is below 0.5: `recitation_cold`, `empty_cold`
- `html_200`, `json_list_body`
- `reset` (before a byte is sent), `reset_mid_body`, `hang` (until the client leaves), `trickle` (the reply over
  `seconds`), `late` (the reply after `seconds`)

`"match": {"endpoint": "batch_create"}` makes a rule one for requests on files and batches (see ENDPOINTS), which may match
`nth`, `every`, `probability`, `model` (of `batch_create`) and `text_contains` (in the display name). There every error reply can be
had, `reset` (the request was carried out, its answer is lost), and

- at `file_upload`, which is each piece of a file: `cut` (half of the piece arrives, then the connection goes)
- at `batch_create`: `500_created` (answered with 500, the batch exists all the same); and of the batch, as it goes on:
  `batch_stuck` (`reason`: PENDING, or RUNNING with half of the rows done), `batch_failed`, `batch_expired` (nothing done),
  `batch_expired_half` (half of the rows are answered), `rows_failed` and `rows_all_failed` (every other row, or each, is an error),
  `rows_missing` (every other one), `rows_shuffled` (answers out of order), `rows_swapped` (each pair of answers under the other's
  key), `rows_without_key`

`"paid": true|false` in a fault replaces the ledger's own judgement on whether the call was paid for: so answers that must be
asked again are not counted as `paid_again`. The bill (`billed`, `cost_usd`) is Gemini's, and has every answer with 200.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from simulator.errors import CATALOGUE
from simulator.media import Look
from simulator.question import BATCH_TIER, TIERS, Question
from simulator.sounds import Sound

ANSWER_KINDS = frozenset(
    {
        *("blocked", "finish", "empty_stop", "empty_candidates", "fenced", "wrong_shape", "not_json", "refusal"),
        *("loop", "audio_not_heard", "bad_times", "times_backward", "times_out_of_range", "times_invented"),
        *("clock_times", "two_objects", "refusal_json", "wrong_language", "fragments", "half_heard", "half_tokens"),
        *("text_on_silence", "truncate_over", "recitation_over", "loop_over", "recitation_cold", "empty_cold"),
        "cached",
    }
)
REPLY_KINDS = frozenset({"empty_body", "html_200", "json_list_body"})
DELIVERY_KINDS = frozenset({"reset", "reset_mid_body", "hang", "trickle", "late"})
COLD_BELOW = 0.5
"""A temperature."""
KINDS = CATALOGUE | ANSWER_KINDS | REPLY_KINDS | DELIVERY_KINDS
GENERATE = "generate"
BATCH_KINDS = frozenset(
    {
        *("batch_stuck", "batch_failed", "batch_expired", "batch_expired_half", "rows_failed", "rows_all_failed"),
        *("rows_missing", "rows_shuffled", "rows_swapped", "rows_without_key"),
    }
)
_ANYWHERE = CATALOGUE | {"reset"}
ENDPOINTS: Mapping[str, frozenset[str]] = {
    GENERATE: KINDS,
    "file_upload": _ANYWHERE | {"cut"},
    "batch_create": _ANYWHERE | BATCH_KINDS | {"500_created"},
    **dict.fromkeys(("file_start", "file_get", "file_list", "file_download", "file_delete"), _ANYWHERE),
    **dict.fromkeys(("batch_get", "batch_list", "batch_cancel", "batch_delete"), _ANYWHERE),
}
"""The kinds of fault of each endpoint."""
STUCK_IN = ("PENDING", "RUNNING")
_OF_CALLS = ("tier", "media_sha256", "label")


class ScriptError(ValueError):
    """The script cannot be used; the text names the rule and what is wrong with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One way for a call to go wrong."""

    kind: str
    reason: str | None = None
    seconds: float = 2.0
    retry_after_seconds: float | None = None
    paid: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """Which calls a rule is about. Empty: every call."""

    endpoint: str = GENERATE
    nth: list[int] | None = None
    every: int | None = None
    probability: float | None = None
    model: str | None = None
    tier: str | None = None
    media_sha256: str | None = None
    label: Mapping[str, str] = field(default_factory=dict)
    text_contains: str | None = None


@dataclass(kw_only=True, slots=True)
class Rule:
    """A match and a fault, with the counts that they need."""

    match: Match
    fault: Fault
    times: int | None
    chance: random.Random
    seen: int = 0
    fired: int = 0

    def fires(self, question: Question, looks: Sequence[Look]) -> bool:
        """Does this call go wrong by this rule? Counts the call."""
        return _is_about(self.match, question) and _can_happen(self.fault, question, looks) and self._fires_now()

    def fires_at(self, endpoint: str, *, model: str, display_name: str) -> bool:
        """As `fires`, for a request on files or batches."""
        match = self.match
        is_meant = match.endpoint == endpoint and match.model in (None, model)
        return is_meant and (match.text_contains or "") in display_name and self._fires_now()

    def _fires_now(self) -> bool:
        self.seen += 1
        if self.times is not None and self.fired >= self.times:
            return False
        if not self._is_chosen():
            return False
        self.fired += 1
        return True

    def _is_chosen(self) -> bool:
        match = self.match
        if match.nth is not None and self.seen not in match.nth:
            return False
        if match.every is not None and self.seen % match.every:
            return False
        return match.probability is None or self.chance.random() < match.probability


def read_script(value: object, *, seed: int) -> list[Rule]:
    """The rules in a JSON value, with all counts at zero. Raises ScriptError."""
    if not isinstance(value, list):
        message = "A fault script is a JSON list of rules."
        raise ScriptError(message)
    return [
        _rule(item, f"Rule {number} of the fault script", f"{seed}:{number}") for number, item in enumerate(value, 1)
    ]


def next_fault(rules: list[Rule], question: Question, looks: Sequence[Look]) -> Fault | None:
    """The fault of the first rule that fires on this call; None where all goes well."""
    return next((rule.fault for rule in rules if rule.fires(question, looks)), None)


def next_fault_at(rules: list[Rule], endpoint: str, *, model: str = "", display_name: str = "") -> Fault | None:
    """As `next_fault`, for a request on files or batches."""
    return next((rule.fault for rule in rules if rule.fires_at(endpoint, model=model, display_name=display_name)), None)


def _is_about(match: Match, question: Question) -> bool:
    if match.endpoint != GENERATE:
        return False
    if match.model is not None and match.model != question.model:
        return False
    if match.tier is not None and match.tier != question.tier:
        return False
    if match.media_sha256 is not None and all(item.sha256 != match.media_sha256 for item in question.media):
        return False
    if any(question.labels.get(name) != value for name, value in match.label.items()):
        return False
    return match.text_contains is None or match.text_contains in question.text


def _can_happen(fault: Fault, question: Question, looks: Sequence[Look]) -> bool:
    """Some faults befall long sounds or cold questions alone, and of a row of a batch no reply is sent."""
    if question.tier == BATCH_TIER and fault.kind in REPLY_KINDS | DELIVERY_KINDS:
        return False
    if fault.kind.endswith("_over"):
        return max((look.duration for look in looks if isinstance(look, Sound)), default=0.0) > fault.seconds
    return not fault.kind.endswith("_cold") or question.temperature < COLD_BELOW


def _rule(value: object, where: str, seed: str) -> Rule:
    given = _checked(value, {"match", "times", "fault"}, where)
    fault = _checked(given.get("fault"), {item.name for item in fields(Fault)}, f"{where}: fault")
    match = _checked(given.get("match", {}), {item.name for item in fields(Match)}, f"{where}: match")
    _check_types(given | match | fault, where)
    _check_endpoint(match, fault, where)
    if fault["kind"] in ("finish", "blocked"):
        fault = {"reason": "SAFETY", **fault}
    if fault["kind"] == "batch_stuck" and fault.setdefault("reason", "RUNNING") not in STUCK_IN:
        message = f"{where}: reason cannot be {fault['reason']!r}. Known: {', '.join(STUCK_IN)}."
        raise ScriptError(message)
    return Rule(
        match=Match(**match),
        fault=Fault(**fault),
        times=given.get("times"),
        chance=random.Random(seed),
    )


def _check_endpoint(match: Mapping[str, Any], fault: Mapping[str, Any], where: str) -> None:
    endpoint = match.get("endpoint", GENERATE)
    if endpoint not in ENDPOINTS:
        message = f"{where}: unknown endpoint {endpoint!r}. Known: {', '.join(sorted(ENDPOINTS))}."
        raise ScriptError(message)
    known = ENDPOINTS[endpoint]
    if fault.get("kind") not in known:
        message = f"{where}: unknown kind {fault.get('kind')!r} for {endpoint}. Known: {', '.join(sorted(known))}."
        raise ScriptError(message)
    if endpoint != GENERATE and (named := [name for name in _OF_CALLS if name in match]):
        message = f"{where}: {named[0]} cannot be matched at {endpoint}."
        raise ScriptError(message)


def _checked(value: object, allowed: set[str], where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        message = f"{where} must be a JSON object."
        raise ScriptError(message)
    if unknown := set(value) - allowed:
        message = f"{where} has unknown names {sorted(unknown)}. Known: {sorted(allowed)}."
        raise ScriptError(message)
    return value


_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("times", "every"), (int,)),
    **dict.fromkeys(("probability", "seconds", "retry_after_seconds"), (int, float)),
    **dict.fromkeys(("endpoint", "model", "tier", "media_sha256", "text_contains", "reason", "kind"), (str,)),
    "nth": (list,),
    "label": (dict,),
    "paid": (bool,),
}


def _check_types(given: Mapping[str, object], where: str) -> None:
    for name, allowed in _TYPES.items():
        value = given.get(name)
        wrong_number = isinstance(value, int | float) and bool not in allowed and (isinstance(value, bool) or value < 0)
        if value is not None and (not isinstance(value, allowed) or wrong_number):
            message = f"{where}: {name} cannot be {value!r}."
            raise ScriptError(message)
    tiers = (*TIERS, BATCH_TIER)
    if given.get("tier", TIERS[0]) not in tiers:
        message = f"{where}: tier cannot be {given['tier']!r}. Known: {', '.join(tiers)}."
        raise ScriptError(message)
    if given.get("every") == 0:
        message = f"{where}: every must be at least 1."
        raise ScriptError(message)
