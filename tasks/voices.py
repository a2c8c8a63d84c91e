"""Who is who across clips: pure.

Each clip was heard alone, so its "Speaker 1" need not be the one of the clip before. Where two clips overlap, both heard
the same words, and whoever said them is one voice. A voice that no overlap links keeps a name of its own clip.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

LEAST_WORDS = 2
"""So many common words make a link; one may be a word of both."""


@dataclass(kw_only=True, slots=True)
class Voices:
    """The voices of a recording, clip after clip. Within, a voice is known as `number of its first clip:its label there`."""

    _first: int | None = None
    """The first clip that named anybody."""
    _strangers: bool = False
    """Did a later clip name a voice that no overlap links to an earlier one?"""
    _known: dict[str, None] = field(default_factory=dict)

    def enter(self, number: int, labels: Iterable[str], same: Mapping[tuple[str, str], int]) -> dict[str, str]:
        """The voices of the clip with that number: its labels, and who each is.

        `same` counts the words that the clip before (by its voice) and this one (by its label) heard alike.
        """
        labels = sorted(labels)
        linked = _links(same)
        if labels and self._first is None:
            self._first = number
        elif any(label not in linked for label in labels):
            self._strangers = True
        names = {label: linked.get(label) or f"{number + 1}:{label}" for label in labels}
        self._known |= dict.fromkeys(names.values())
        return names

    def final_names(self) -> dict[str, str]:
        """Each voice as it is shown: without the clip's number where every voice is linked to the first clip's."""
        if self._strangers:
            return {voice: voice for voice in self._known}
        return {voice: voice.partition(":")[2] for voice in self._known}


def _links(same: Mapping[tuple[str, str], int]) -> dict[str, str]:
    """Label -> voice, where most of what the label said in the overlap was the voice's, and the other way round."""
    by_label: dict[str, Counter[str]] = {}
    by_voice: dict[str, Counter[str]] = {}
    for (voice, label), words in same.items():
        by_label.setdefault(label, Counter())[voice] += words
        by_voice.setdefault(voice, Counter())[label] += words
    links: dict[str, str] = {}
    for label, voices in by_label.items():
        voice, words = voices.most_common(1)[0]
        if words >= LEAST_WORDS and by_voice[voice].most_common(1)[0][0] == label:
            links[label] = voice
    return links
