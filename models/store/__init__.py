"""Every SQL statement of mediascribe: one verb a function, one transaction a verb.

Verbs that change a job are guarded statements: they apply only in the states that `models.state.MOVES` allows and,
for a claimed job, only for the claim that owns it. All times are the database's.
"""
