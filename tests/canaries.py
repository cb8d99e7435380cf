"""Secrets that sing: planted where a secret can be, and looked for in everything that came out."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from urllib.parse import quote

from daemon.clock import Entropy, SystemEntropy

ENTROPY = SystemEntropy()


def canary(before: str = "", entropy: Entropy = ENTROPY) -> str:
    return before + entropy.bytes(12).hex()


class Canaries(dict[str, str]):
    """By what they are; `seen_in` finds one as it is, in hexadecimal, in base64 and in a URL."""

    def seen_in(self, name: str, text: bytes) -> list[str]:
        secret = self[name].encode()
        forms = {"plain": secret, "hex": secret.hex().encode(), "url": quote(secret).encode()}
        for shift in range(3):  # base64 of a longer text that holds it has one of three alignments
            coded = base64.b64encode(b"\0" * shift + secret)
            forms[f"base64+{shift}"] = coded[4 if shift else 0 : -4]
        return [form for form, look in forms.items() if look in text]


class Crawl:
    """What was read, by where it was read. A face's crawler adds its pages: `crawl.read(url, body)`."""

    def __init__(self, canaries: Canaries) -> None:
        self.canaries = canaries
        self.texts: dict[str, bytes] = {}

    def read(self, where: str, text: str | bytes) -> None:
        raw = text.encode() if isinstance(text, str) else text
        self.texts[f"{len(self.texts):05d} {where}"] = raw

    def leaks(self) -> Iterator[str]:
        """`name, form, where`; nothing, where all is well."""
        whole = b"\n".join(self.texts.values())
        for name in self.canaries:
            if not self.canaries.seen_in(name, whole):
                continue
            for where, text in self.texts.items():
                for form in self.canaries.seen_in(name, text):
                    yield f"{name} ({form}) in {where}"
