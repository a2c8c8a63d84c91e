"""What an upload is called: in a job as its source, in the storage as its key, and by people."""

import hashlib
import re
from urllib.parse import quote

SCHEME = "upload"
LONGEST_NAME = 100
_SOURCE = re.compile(rf"{SCHEME}://(upl_[0-9a-f]{{32}})/.*", re.DOTALL)
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def upload_source(upload_id: str, name: str) -> str:
    """The source of a job whose media item was uploaded, such as `upload://upl_019…/cat.jpg`."""
    return f"{SCHEME}://{upload_id}/{quote(name)}"


def upload_id_of(source: str) -> str | None:
    """The upload that a source names; None where it names none that can be."""
    found = _SOURCE.fullmatch(source)
    return found and found[1]


def storage_key(owner: str, upload_id: str) -> str:
    """Where the upload lies in the storage.

    The owner is part of it, and is always the job's own: whoever names another's upload finds nothing. As a hash, for an
    owner may have any name, and no name of a folder should mean more than that.
    """
    return f"{hashlib.sha256(owner.encode()).hexdigest()[:32]}/{upload_id}"


def plain_name(given: str | None) -> str:
    """The name that a client gave its file, without folders and what cannot be shown; `file` where nothing is left."""
    last = re.split(r"[/\\]", given or "")[-1]
    return _UNWRITABLE.sub("", last).strip()[-LONGEST_NAME:] or "file"
