"""A local stand-in for the Gemini API: it speaks `generateContent` strictly, and its answers are made up.

For the demo, the tests and the benchmarks. It looks at the media it is sent (size, colour, where there is sound),
says so in the shape that the request's schema asks for, and says in every answer that it is simulated. Stand-in
speech (`speech.py`) it truly transcribes. Faults are scripted (`faults.py`), every call is written down
(`ledger.py`). It imports none of our other folders, so that a misreading of the protocol cannot be made twice in the
same way.

One request, in order: `http.py` (bytes) -> `server.py` (routes) -> `wire.py` with `fields.py` (is it valid?) ->
`media.py` (look: `pictures.py`, `sounds.py`) -> `quota.py` (may it be asked now?) -> `faults.py` (should it go wrong?) -> `spoilt.py` (what is said) ->
`answers.py` (reply) -> `ledger.py` (record) with `prices.py` (what does it cost?). `bill.py` sums a ledger up.

Files and batches: `server.py` -> `resources.py` (routes) with `pages.py` -> `files.py`, `batches.py` -> `rows.py`, which answers each
row by the same way as a call.

Not simulated: streaming, countTokens, files inside a question, the limit of enqueued tokens, caches, tools. What has an address
of its own answers 501 UNIMPLEMENTED.
"""
