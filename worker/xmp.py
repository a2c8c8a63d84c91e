"""Captions as XMP sidecars (`photo.jpg.xmp`), which darktable, digiKam, Immich and exiftool read beside the picture.

Written are `dc:description` (the caption), `dc:subject` (the tags), and IPTC's `AltTextAccessibility` and
`ExtDescrAccessibility` (the alternative text; the caption again, as the longer description). Names and types: XMP
specification part 1 (ISO 16684-1), 8.2.2.4 for texts in several languages; IPTC Photo Metadata Standard, "Alt Text
(Accessibility)" and "Extended Description (Accessibility)" (https://www.iptc.org/std/photometadata/specification/).

These files are also where other programs keep what people did by hand, so one that is not ours, letter for letter, must
never be replaced. Programs that change a file may leave names in it as they were; therefore ours carries, in the
attribute that names its writer, the SHA-256 of all the rest.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from models.store.queries import JobView
from tasks.languages import LANGUAGE_TAG

MOST_BYTES = 1 << 20
"""Ours are far smaller; of a larger file so much is read to see that it is not."""

_SEAL = re.compile(rb'(?<=x:xmptk="mediascribe )[0-9a-f]{64}(?=")')
_NOT_XML = re.compile("[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no place for, and the controls that it discourages."""
_LANGUAGE = re.compile(LANGUAGE_TAG)

_DOCUMENT = """\
<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="mediascribe {seal}">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/">
   <xmp:CreatorTool>mediascribe</xmp:CreatorTool>
{properties}  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""


def xmp(view: JobView) -> str:
    """The caption as an XMP document; empty where there is none."""
    output = view.output
    if output is None or "caption" not in output:
        return ""
    language = output["language"] or ""
    properties = (
        _text_in("dc:description", output["caption"], language)
        + _bag("dc:subject", output["tags"])
        + _text_in("Iptc4xmpCore:AltTextAccessibility", output["alt_text"], language)
        + _text_in("Iptc4xmpCore:ExtDescrAccessibility", output["caption"], language)
    )
    unsealed = _DOCUMENT.format(seal="", properties=properties)
    return _DOCUMENT.format(seal=_seal(unsealed.encode()), properties=properties)


def is_ours(document: bytes) -> bool:
    """Was the document written here, and is it as it was written?"""
    seals = _SEAL.findall(document)
    return len(seals) == 1 and _seal(_SEAL.sub(b"", document)) == seals[0].decode()


def _seal(unsealed: bytes) -> str:
    return hashlib.sha256(unsealed).hexdigest()


def _text_in(name: str, text: str, language: str) -> str:
    """A text, for readers of any language and for those of its own; nothing where it is empty."""
    languages = ["x-default", *([language] if _LANGUAGE.fullmatch(language) else [])]
    return _property(name, "Alt", [(f" xml:lang={quoteattr(tag)}", text) for tag in languages])


def _bag(name: str, texts: Iterable[str]) -> str:
    return _property(name, "Bag", [("", text) for text in texts])


def _property(name: str, kind: str, items: Iterable[tuple[str, Any]]) -> str:
    """An array of texts, each with the attributes of its item."""
    lines = [
        f"     <rdf:li{attributes}>{escape(clean)}</rdf:li>\n"
        for attributes, text in items
        if (clean := _NOT_XML.sub("", text).strip())
    ]
    return f"   <{name}>\n    <rdf:{kind}>\n{''.join(lines)}    </rdf:{kind}>\n   </{name}>\n" if lines else ""
