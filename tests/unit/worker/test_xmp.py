"""XMP sidecars: well-formed whatever the caption says, and known again as ours until somebody changes them."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.cli.jobs import CAPTION, transcript, view
from worker.xmp import is_ours, xmp

NAMES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "iptc": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
}
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def written(**changes: object) -> ET.Element:
    """The description in the sidecar of a caption."""
    root = ET.fromstring(xmp(view(output=CAPTION | changes)).encode())  # noqa: S314 - our own document
    found = root.find("rdf:RDF/rdf:Description", NAMES)
    assert found is not None
    return found


def texts(description: ET.Element, name: str, kind: str = "Alt") -> list[tuple[str | None, str | None]]:
    return [(item.get(LANGUAGE), item.text) for item in description.findall(f"{name}/rdf:{kind}/rdf:li", NAMES)]


def test_caption_alternative_text_and_tags_stand_under_the_names_that_other_programs_read() -> None:
    description = written(language="de-CH", tags=["house", "red"])
    assert texts(description, "dc:description") == [("x-default", "A red house."), ("de-CH", "A red house.")]
    assert texts(description, "iptc:AltTextAccessibility") == [("x-default", "Red house"), ("de-CH", "Red house")]
    assert texts(description, "iptc:ExtDescrAccessibility")[0] == ("x-default", "A red house.")
    assert texts(description, "dc:subject", "Bag") == [(None, "house"), (None, "red")]
    assert description.findtext("xmp:CreatorTool", namespaces=NAMES) == "mediascribe"


def test_what_there_is_not_is_left_out() -> None:
    description = written(tags=[], alt_text="", language="a language, in words")
    assert [child.tag.partition("}")[2] for child in description] == [
        "CreatorTool", "description", "ExtDescrAccessibility",
    ]  # fmt: skip
    assert texts(description, "dc:description") == [("x-default", "A red house.")]
    assert xmp(view(output=None)) == xmp(transcript()) == ""


@given(st.text(), st.lists(st.text(), max_size=3), st.text(max_size=8))
@settings(max_examples=50, deadline=None)
def test_the_document_is_well_formed_and_ours_whatever_the_words_are(text: str, tags: list[str], language: str) -> None:
    document = xmp(view(output=CAPTION | {"caption": text, "alt_text": text, "tags": tags, "language": language}))
    root = ET.fromstring(document.encode())  # noqa: S314 - our own document
    assert len(root.findall(".//xmp:CreatorTool", NAMES)) == 1
    assert is_ours(document.encode())


def test_markup_quotes_and_what_xml_cannot_hold_are_text_or_gone() -> None:
    text = "a]]> <rdf:li>&amp;\x00\x1b[2J\ud800\ufffe\U0001f600 {seal}"
    assert texts(written(caption=text), "dc:description")[0][1] == "a]]> <rdf:li>&amp;[2J\U0001f600 {seal}"


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.replace(b"A red house.", b"A red house, says Anna.", 1),
        lambda document: document.replace(b"   <dc:subject>", b"   <xmp:Rating>5</xmp:Rating>\n   <dc:subject>"),
        lambda document: document.replace(b'x:xmptk="mediascribe ', b'x:xmptk="XMP Core 4.4.0-Exiv2 '),
        lambda document: document + b"\n",
        lambda document: document[:-1],
        lambda _: b"",
    ],
)
def test_a_document_that_was_changed_at_all_is_no_longer_ours(change: "type[bytes]") -> None:
    document = xmp(view()).encode()
    assert is_ours(document)
    assert not is_ours(change(document))
