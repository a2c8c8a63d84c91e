"""The measures of sound here: all of it is 16-bit at 16 kHz, weighed in steps of 50 ms and decoded in windows of 10 s."""

SAMPLE_RATE = 16_000
SAMPLE_BYTES = 2
SECOND_BYTES = SAMPLE_RATE * SAMPLE_BYTES
"""Bytes of one second of one channel."""
STEP_SECONDS = 0.05
STEP_BYTES = int(SAMPLE_RATE * STEP_SECONDS) * SAMPLE_BYTES
"""Bytes of one step of one channel."""
WINDOW_SECONDS = 10
"""How much is decoded, mixed and measured at a time; what is decided over a window is decided over no other stretch."""
WINDOW_STEPS = round(WINDOW_SECONDS / STEP_SECONDS)
WINDOW_SAMPLES = WINDOW_SECONDS * SAMPLE_RATE
