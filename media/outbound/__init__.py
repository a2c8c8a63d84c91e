"""The one guarded way out: what may be connected to, and requests that hold to it.

Media URLs come in through it, and whatever else is to be sent to an address that an owner of jobs has named.
"""
