"""Writes one clip: 16 kHz mono 16-bit samples into a FLAC file."""

from pathlib import Path

import av

from media.measures import SAMPLE_BYTES, SAMPLE_RATE, SECOND_BYTES

MIME_TYPE = "audio/flac"


def write_flac(path: Path, pcm: bytes | bytearray | memoryview) -> int:
    """Write the samples to a new file and give its size in bytes."""
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE, format="s16", layout="mono")
        for at in range(0, len(pcm), SECOND_BYTES):
            block = bytes(pcm[at : at + SECOND_BYTES])
            frame = av.AudioFrame(format="s16", layout="mono", samples=len(block) // SAMPLE_BYTES)
            frame.sample_rate = SAMPLE_RATE
            frame.pts = at // SAMPLE_BYTES
            frame.planes[0].update(block)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.stat().st_size
