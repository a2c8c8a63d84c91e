"""What mediascribe costs, measured: throughput against programs that do the same by hand, memory, start-up.

Everything runs on this machine alone, against the simulator and real servers out of wheels: `make bench`.
"""
