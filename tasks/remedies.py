"""What is done about an answer that cannot be believed: a pure table of bounded remedies, inside one attempt.

Asked the same way, Gemini gives the same bad answer, so something has to change: it is asked hotter and with another
seed, with a word on what was wrong, with more room for the answer; or the clip is cut in two. What stays bad after its
remedies is a failure for good: the clip is named as missing, and what is good is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from gemini.question import Question
from models.failures import Failure, FailureCode, Nature
from tasks.base import Clip

MOST_CALLS = 8
"""After so many calls about a clip and its parts no more is begun. Those that parts have in flight then still count."""
MOST_PARTS = 2
"""So many times a clip is cut further: ten minutes become parts of two and a half."""
SHORTEST_SPLIT_SECONDS = 60.0
_HOTTER = 0.7
_MOST_OUTPUT_TOKENS = 65_536


class Remedy(StrEnum):
    """One thing to change."""

    HOTTER = "hotter"
    """The same question at a higher temperature and with another seed."""
    LONGER = "longer"
    """The same question with more room for the answer."""
    SPLIT = "split"
    """The clip in two parts."""


REMEDIES: Mapping[FailureCode, tuple[Remedy, ...]] = {
    FailureCode.GEMINI_TRUNCATED: (Remedy.SPLIT, Remedy.LONGER),
    FailureCode.GEMINI_DEGENERATE: (Remedy.SPLIT, Remedy.HOTTER),
    FailureCode.GEMINI_RECITATION: (Remedy.HOTTER, Remedy.SPLIT),
    FailureCode.GEMINI_EMPTY: (Remedy.HOTTER,),
    FailureCode.GEMINI_INVALID_OUTPUT: (Remedy.HOTTER,),
    FailureCode.GEMINI_NOT_HEARD: (Remedy.HOTTER,),
    FailureCode.GEMINI_BLOCKED: (Remedy.HOTTER,),  # only a refusal in words comes here: a block by policy is final
}
"""By what was wrong, which remedies are tried, in this order. A clip that cannot be split goes on with the next."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Take:
    """How a question is put: as it is, or changed after a bad answer."""

    number: int = 1
    remedy: Remedy | None = None
    note: str | None = None
    """A word on what was wrong the time before."""

    def of(self, question: Question) -> Question:
        """The question as it is put this time."""
        if self.remedy is None:
            return question
        prompt = f"{question.prompt}\n{self.note}" if self.note else question.prompt
        if self.remedy is Remedy.LONGER:
            return replace(question, prompt=prompt, max_output_tokens=_MOST_OUTPUT_TOKENS, seed=self.number)
        return replace(question, prompt=prompt, temperature=_HOTTER, seed=self.number)


def remedy_for(why: Failure, clip: Clip, take: Take, *, calls: int, can_split: bool) -> Take | Remedy | None:
    """What to do after a bad answer: ask again this way, SPLIT, or nothing more (None).

    `calls` is what the clip and its parts have cost so far. A failure that is not the answer's fault (quota, network,
    a block by policy) has no remedy here.
    """
    if why.nature is not Nature.TRANSIENT or calls >= MOST_CALLS:
        return None
    can_split = can_split and len(clip.part) < MOST_PARTS and clip.seconds >= SHORTEST_SPLIT_SECONDS
    remedies = [remedy for remedy in REMEDIES.get(why.code, ()) if remedy is not Remedy.SPLIT or can_split]
    if take.number > len(remedies):
        return None
    remedy = remedies[take.number - 1]
    return remedy if remedy is Remedy.SPLIT else Take(number=take.number + 1, remedy=remedy, note=_note(why))


def given_up(why: Failure, *, calls: int) -> Failure:
    """The failure of a clip whose remedies are used up: asking the same once more would be paid for in vain."""
    if why.nature is not Nature.TRANSIENT or why.code not in REMEDIES:
        return why
    words = f"{why.message.removesuffix(' It is asked again.')} It was asked {calls} time{'' if calls == 1 else 's'}."
    return replace(why, message=words, nature=Nature.PERMANENT)


def _note(why: Failure) -> str | None:
    note = why.detail.get("note")
    return note if isinstance(note, str) else None
