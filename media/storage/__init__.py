"""Where uploads are kept: a folder, or a bucket of an object store. Workers read there what the API wrote.

A file has its whole name only when it is complete. Each is known by a row before its first byte is written
(`models.upload`), so that what nobody finished, or nobody needs any more, is found and removed.
"""
