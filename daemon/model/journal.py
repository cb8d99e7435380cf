"""The journal of durable steps, as an adapter sees it. The store keeps it (`store.journal`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from daemon.model.documents import Document, InvoiceDraft

Send = Callable[[Document, str], Document]
"""Send the frozen body under the idempotency key; returns what must be remembered of the answer."""

Look = Callable[[Document], Document | None]
"""Look for what an earlier send of this body may have left: what `Send` would have returned, or None.
Raises StepStuck where our reference is there but the object is not this one."""


SendMany = Callable[[Sequence[tuple[Document, str]]], Sequence[Document | Exception]]
"""Send frozen bodies, each with its key, in one call; answers in the same order, an exception where one of
them was refused. Raises what befell the call as a whole."""

LookMany = Callable[[Sequence[Document]], Sequence[Document | Exception | None]]
"""Look for what earlier sends of these bodies may have left; answers in the same order, None where there is
nothing, StepStuck where a person must look. Raises what befell the look as a whole."""


class Journal(Protocol):
    """Durable steps of one subject (an invoice, or a payer) at one integration."""

    def once(
        self,
        step: str,
        body: Document,
        send: Send,
        look: Look,
        *,
        lag_s: float | None = None,
        look_first: bool = False,
    ) -> Document:
        """Do this step exactly once, whatever happened before.

        1. A finished step answers from the journal.
        2. A new one freezes `body` and commits a mark before any byte leaves (`look_first`, and every
           first send in recovery mode: `look` comes before it).
        3. A marked one without an answer is repeated under its key inside the provider's window, else
           settled by `look`; what is not found is sent anew only after the look-up lag and the settle
           time have passed since the last send.

        `lag_s` overrides the provider's look-up lag (0 for a look that reads the object itself).
        Raises RemoteError as the wire did, NotYet when it is too early to know, StepStuck when a person
        must act.
        """
        ...

    def payer(self, reference: str) -> Journal:
        """The journal of the payer of this invoice: its steps are shared by all the payer's invoices."""
        ...


class Journals(Protocol):
    """The journals of one batch: of each draft, and steps that many of them take in one call."""

    def __call__(self, draft: InvoiceDraft) -> Journal:
        """The journal of this draft."""
        ...

    def each(
        self,
        step: str,
        items: Sequence[tuple[Journal, Document]],
        send: SendMany,
        look: LookMany,
        *,
        lag_s: float | None = None,
        look_first: bool = False,
    ) -> list[Document | Exception]:
        """`Journal.once` for many subjects in one call; the answers in the order of `items`, errors as
        answers. Each subject once in a batch; its journal is what `self(draft)` or `.payer(…)` gave.

        No key is leant on: another batch holds other elements, so that a marked step is settled by `look`,
        and only what is not found after the look-up lag and the settle time is sent anew.
        """
        ...
