"""Bytes from outside become what Gemini accepts: upright JPEG or PNG pictures, 16 kHz mono FLAC clips.

`source` finds the bytes, `sniff` tells what they are, `image` and `audio` prepare them, `sandbox` runs the
preparing where it can do no harm. Pillow, PyAV and pydub are used in this folder alone.
"""
