"""HTTP: the same verbs and shapes as the command line, for other programs.

Follow one request: `middleware` frames it, `access` says whose it is, a route file asks `models.store` or `worker.submit`,
`worker.shapes` makes the answer, and `errors` turns whatever goes wrong into one problem document.
"""
