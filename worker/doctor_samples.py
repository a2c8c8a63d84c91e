"""Tiny media, each of 16 x 16 pixels or 0.3 seconds, that `doctor` decodes to see that the codecs are there.

Made with Pillow, pillow-heif and PyAV; compressed with zlib and written in base64.
"""

import base64
import zlib
from collections.abc import Mapping

_PACKED: Mapping[tuple[str, str], str] = {
    ("caption", "heic"): (
        "eNpjYGCQSSupLMhIzUxmAILczDRDEDs3MzGNgYGxJje1JJEBAhQzUnKKoGyGgszkEgY0oJSZkw82xMWBgREIgYBxAYQGAjUgVs7M"
        "zEsD80CiokBOKhOUl1GWbAhi8hVkluTClfzJLCgqANJ3MguS84F0KVCZMyMzSGgCWJHcB4Y/f3/8YGDgZ04A6pBwYORh/P8fpIAZ"
        "pIIZhOR2MTkkAiU1nRgZ0WQWKDSyTnu1btazB4oLDjQwMPA0gIRbkoCq2VwYDxYf7ATaIZycn1OUl5xTARTlZWADKmEQySwuSIV6"
        "zAGKNZJzEkEOE4C6HUz/////ApBmgtEg8YLMikyQRmYODg4gJZFZkAsLY2CwsTYyMbO2ANl6uSmJoDBW0mBczyIk7PPgx8tDGfbX"
        "J76J1vPZM3/Lau3HnvPLN0pMWvl/AQAddl/A"
    ),
    ("caption", "webp"): ("eNoL8nRzM2JgYAh3dQoIC7BQUAOyCxgZ5jJqCTAIMLAwZKguYCphdGBg+Pfyzf9Aa8FjCfzrQ7ae3MHAAABygQ/K"),
    ("transcribe", "opus"): (
        "eNrzT08PZmBigAKuB8ciQPTe8MnyjML+BaXFHqmJKYyMFowO8mAF/iDlDMjKGYH0qtLz1YxmIOUhienFvEARn8SyNDMjPUMgMjAC"
        "KREF4tS85PyU1CJbFEmwiSwVlggTQa5Z+3qZvYCwKD8fvyCfAD8/vwCfoAAfR/PPZNXbPc4NsVHdj6c0Lf7a+oBj/fQDjkoHvHgk"
        "0zml35idcD/8hj+AY5l/DxObdMSjKYvlHCfugHHfuEvdfbiFY1l8pLXA9w9nbtYfNfU5AJFM6rrm9c6n5LL56S9wAafwx8ft4EYd"
        "3vtj3lRLB5juZac2rje8BOO+1c9SjF+vPwPC/aF9lsnQ4FfrGZhRZ+pV/FYs8XKA8K2z1c50tXmWwo269Mt2qd6ho0CnnLwY9P3R"
        "wkt/JlR8fhl0gIOt6KkBw/kPghdXsjz1AAAi+phY"
    ),
    ("transcribe", "mp3"): (
        "eNrzdDFmYQAB5ZDgYFcgzc/AwOyTWJZmZqRnCEQGRgwI8P+xxQE4xzMvLR+inoGdgYHpAkMaCmhAATNRwGZUcAYFPEMB/1EAyF6Q"
        "4xjQgQqLAoTBdOFIIONbBtLA/8cSRxi4NjC9inRmYPJg1/v//wD7wQ/1mtNZGDkUXtjxP2hQXCNft3hK5b/AW8x/ON4y/gu88999"
        "/8JJDrJqJdNPH///9f8vV8Gpm0HmCAg6fFugOduBwUORg3GX0afUhLdWzAImLe27Tnbz2p//Ov//3v8PT5iyqnKzx////6Sra7PI"
        "8vqpgqyOgYLv/4gC/Xi6LBVkDhvPhKoQxnsMDObTJxbON1AQnqHOdLIpQXmGvGTjTK/XEmfbD7ZJGPA1VDYIMDY2hO629vuSdl70"
        "0LwvtUuUbygwGYgIG0SAzOHjEahyYGCvY9EzeJJt5ClhKZpl4sWizCegcKCYQYCHKSOB6ejPuPM6fXtzQhksU3fX2b8wTzbK4ZjN"
        "PK9F903Mk7lsl6tA5kgIW+xbuTNEgmHC2ivx5qWm5oE1d4qbHxl/PfjHLubP7oN/Zpaf3iN/+On503vs20/v21HPP71m9+EfNbuf"
        "3qtXv6Y7ld2mex3YX3wbHu1gnCTAsKUmpuHagaMt6h6Lku5ZsirlzFj94eAhNrb5/yRdnA7GfxTYEOKi+7/V20Qrcv8/Ud2q/P9/"
        "zZf5OPq6GuuBzQGmUw9GYHI0NDBYRSYAAHl5Q7o="
    ),
}


def samples() -> dict[tuple[str, str], bytes]:
    """(kind of work, name of the format) -> the bytes of a file."""
    return {name: zlib.decompress(base64.b64decode(packed)) for name, packed in _PACKED.items()}
