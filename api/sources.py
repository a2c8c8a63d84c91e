"""Which sources a caller may name. A path is read by the workers, so it takes a key that was made for that."""

from pathlib import PurePath

from api.access import Caller
from models.api_key import KeyScope
from models.failures import FailureCode, FailureError, failure


def check_source(caller: Caller, source: str) -> None:
    """Refuse a file that the caller may not name. Raises FailureError(invalid_options), naming the field."""
    scheme, mark, _ = source.partition("://")
    if mark and scheme.lower() != "file":
        return  # what else can be read is decided where all sources are
    if KeyScope.FILES not in caller.scopes:
        raise _refused(f"is a file, and the key lacks the scope {KeyScope.FILES}")
    if not mark and not PurePath(source).is_absolute():
        raise _refused("must be an absolute path, for the workers stand in folders of their own")


def _refused(words: str) -> FailureError:
    return FailureError(failure(FailureCode.INVALID_OPTIONS, f"source {words}", field="source"))
