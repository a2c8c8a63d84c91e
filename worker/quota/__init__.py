"""The limiter: how many calls of a lane may begin, and when, counted for all processes together.

A call is reserved before it begins and settled when it has ended (`terms`). The rules are written once in Python
(`rules`) for one process and once in Lua (`exchange.lua`) for many, where Redis runs them on its own clock; one suite of
tests holds the two to the same answers. `gate` is what the worker talks to: it lets calls through in turn.
"""
