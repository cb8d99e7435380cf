"""What must be true of the database whatever happened: each is checked by itself, streaming.

Questions about sets are asked in one query each; what must be computed is computed from rows as they come.
"""

from __future__ import annotations

from daemon.store.invariants import folding
from daemon.store.invariants.asking import AGAIN, LOOK, Invariant, Violation, asked
from daemon.store.tables import Invoice

__all__ = ["ALL", "Invariant", "Violation", "check", "checked", "size"]

SHOW = "wispbill customers show {subject}, and wispbill enforce"
SHOWN = 50
"""Of each invariant at most: a thousand rows of one cause are one cause."""

ALL: tuple[Invariant, ...] = (
    Invariant(
        "every invoice has a link",
        asked(
            "SELECT i.id, i.number FROM invoice i LEFT JOIN link l ON l.invoice_id = i.id WHERE l.id IS NULL",
            "invoice {} has no link: it is never sent",
        ),
    ),
    Invariant(
        "every link has its invoice",
        asked(
            "SELECT l.id, l.invoice_id FROM link l LEFT JOIN invoice i ON i.id = l.invoice_id "
            "WHERE i.id IS NULL",
            "its invoice {} is not there",
        ),
    ),
    Invariant(
        "lines add up to the total",
        asked(
            "SELECT i.id, i.total_minor, COALESCE(s.sum, 0) FROM invoice i LEFT JOIN "
            "(SELECT invoice_id, SUM(net_minor + tax_minor) AS sum FROM line GROUP BY invoice_id) s "
            "ON s.invoice_id = i.id WHERE i.total_minor <> COALESCE(s.sum, 0)",
            "the total is {}, its lines add up to {} (minor units)",
        ),
        LOOK,
    ),
    Invariant("an invoice is as it was entered", folding.digests, LOOK),
    Invariant("payments fold to the invoice's columns", folding.folds, AGAIN),
    Invariant(
        "a payment is in its invoice's currency",
        asked(
            "SELECT p.invoice_id, p.currency, i.currency FROM payment p JOIN invoice i "
            "ON i.id = p.invoice_id WHERE p.currency <> i.currency",
            "a payment in {} is on an invoice in {}",
        ),
        LOOK,
    ),
    Invariant(
        "no two states that exclude one another",
        asked(
            "SELECT l.invoice_id, l.state FROM link l WHERE "
            "(l.state = 'synced' AND (l.external_id IS NULL OR l.pushed_at IS NULL)) "
            "OR (l.state IN ('pending', 'sending', 'unconfirmed') AND l.pushed_at IS NOT NULL) "
            "OR (l.external_id IS NOT NULL AND l.integration_id IS NULL) "
            "OR l.state NOT IN ('pending', 'sending', 'unconfirmed', 'synced', 'failed', 'parked')",
            "its link is {}, and its other columns say another thing",
        ),
        LOOK,
    ),
    Invariant(
        "an integration is removed or it is not",
        asked(
            "SELECT id, state FROM integration WHERE (state = 'removed') <> (removed_at IS NOT NULL)",
            "its state is {}, its time of removal says another thing",
        ),
    ),
    Invariant(
        "one integration serves a place",
        asked(
            "SELECT MIN(id), COUNT(*) FROM integration WHERE duty = 'serves' AND removed_at IS NULL "
            "GROUP BY tenant_id, COALESCE(customer_id, '') HAVING COUNT(*) > 1",
            "{} integrations would take the same invoices",
        ),
        LOOK,
    ),
    Invariant(
        "a payment that was entered here has its receipt",
        asked(
            "SELECT p.invoice_id, p.external_id FROM payment p WHERE SUBSTR(p.external_id, 1, 5) = 'here:' "
            "AND NOT EXISTS (SELECT 1 FROM receipt r WHERE r.id = SUBSTR(p.external_id, 6) "
            "AND r.invoice_id = p.invoice_id AND r.amount_minor = p.amount_minor)",
            "nobody entered {}",
        ),
        LOOK,
    ),
    Invariant(
        "a step belongs to an invoice or a customer",
        asked(
            "SELECT s.id, s.subject FROM step s WHERE "
            "(SUBSTR(s.subject, 1, 8) = 'invoice:' AND NOT EXISTS (SELECT 1 FROM invoice i "
            "WHERE i.tenant_id = s.tenant_id AND i.reference = SUBSTR(s.subject, 9))) OR "
            "(SUBSTR(s.subject, 1, 9) = 'customer:' AND NOT EXISTS (SELECT 1 FROM customer c "
            "WHERE c.tenant_id = s.tenant_id AND c.reference = SUBSTR(s.subject, 10)))",
            "the journal has a step about {}, which is not there",
        ),
    ),
    Invariant(
        "what was sent is in the journal",
        asked(
            "SELECT l.invoice_id FROM link l JOIN invoice i ON i.id = l.invoice_id "
            "WHERE l.pushed_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM step s WHERE "
            "s.integration_id = l.integration_id AND s.subject = 'invoice:' || i.reference)",
            "it was sent, and the journal has no step about it",
        ),
        LOOK,
    ),
    Invariant(
        "tenants are never mixed",
        asked(
            "SELECT l.invoice_id, 'link' FROM link l JOIN invoice i ON i.id = l.invoice_id "
            "JOIN customer c ON c.id = i.customer_id "
            "LEFT JOIN integration n ON n.id = l.integration_id "
            "WHERE l.tenant_id <> i.tenant_id OR c.tenant_id <> i.tenant_id "
            "OR l.customer_id <> i.customer_id OR n.tenant_id <> i.tenant_id "
            "OR (n.customer_id IS NOT NULL AND n.customer_id <> i.customer_id) "
            "UNION ALL SELECT p.invoice_id, 'payment' FROM payment p JOIN invoice i ON i.id = p.invoice_id "
            "JOIN integration n ON n.id = p.integration_id "
            "WHERE p.tenant_id <> i.tenant_id OR n.tenant_id <> i.tenant_id "
            "UNION ALL SELECT o.link_id, 'reading' FROM observation o JOIN link l ON l.id = o.link_id "
            "WHERE o.tenant_id <> l.tenant_id "
            "UNION ALL SELECT p.customer_id, 'payer' FROM payer p JOIN customer c ON c.id = p.customer_id "
            "JOIN integration n ON n.id = p.integration_id "
            "WHERE p.tenant_id <> c.tenant_id OR n.tenant_id <> c.tenant_id "
            "UNION ALL SELECT e.invoice_id, 'event' FROM event e JOIN invoice i ON i.id = e.invoice_id "
            "WHERE e.tenant_id <> i.tenant_id",
            "a {} belongs to another tenant or customer than what it is about",
        ),
    ),
    Invariant(
        "nothing lost its parent",
        asked(
            "SELECT n.invoice_id, 'line' FROM line n LEFT JOIN invoice i ON i.id = n.invoice_id "
            "WHERE i.id IS NULL "
            "UNION ALL SELECT p.invoice_id, 'payment' FROM payment p LEFT JOIN invoice i "
            "ON i.id = p.invoice_id WHERE i.id IS NULL "
            "UNION ALL SELECT o.link_id, 'reading' FROM observation o LEFT JOIN link l ON l.id = o.link_id "
            "WHERE l.id IS NULL "
            "UNION ALL SELECT b.invoice_id, 'billed period' FROM billed_period b LEFT JOIN invoice i "
            "ON i.id = b.invoice_id WHERE b.invoice_id IS NOT NULL AND i.id IS NULL",
            "a {} is about something that is not there",
        ),
    ),
    Invariant(
        "a payment rests on a reading",
        asked(
            "SELECT p.invoice_id, p.external_id FROM payment p LEFT JOIN observation o "
            "ON o.id = p.observation_id WHERE p.observation_id IS NOT NULL AND o.id IS NULL",
            "the evidence of payment {} is gone",
        ),
        LOOK,
    ),
    Invariant("each change of status has its event", folding.untold, LOOK),
    Invariant(
        "a billed period and its invoice are one tenant's",
        asked(
            "SELECT b.invoice_id FROM billed_period b JOIN invoice i ON i.id = b.invoice_id "
            "JOIN subscription s ON s.id = b.subscription_id "
            "WHERE b.tenant_id <> i.tenant_id OR s.tenant_id <> i.tenant_id "
            "OR s.customer_id <> i.customer_id",
            "it was billed for another customer than its subscription's",
        ),
    ),
    Invariant(
        "service is as it was last said to be",
        asked(
            "SELECT c.id, c.service_status, COALESCE(m.became, 'active') FROM customer c "
            "LEFT JOIN service_move m ON m.id = (SELECT MAX(x.id) FROM service_move x "
            "WHERE x.customer_id = c.id) WHERE c.service_status <> COALESCE(m.became, 'active')",
            "the service is {}, the platform was told {}",
        ),
        SHOW,
    ),
    Invariant(
        "nobody without a debt is cut off",
        asked(
            "SELECT c.id, c.service_status FROM customer c "
            "WHERE c.service_status IN ('warned', 'throttled', 'suspended') "
            "AND NOT EXISTS (SELECT 1 FROM debt d WHERE d.customer_id = c.id AND d.closed_at IS NULL) "
            "AND NOT EXISTS (SELECT 1 FROM service_check s WHERE s.customer_id = c.id)",
            "the service is {}, and no invoice says why",
        ),
        SHOW,
    ),
    Invariant("numbers do not overtake their counter", folding.counters, "wispbill plans numbering"),
    Invariant(
        "the audit chains hold", folding.chains, "wispbill audit verify, and compare with the log's heads"
    ),
)


def check() -> list[Violation]:
    """All of them, in their order."""
    return [one for invariant in ALL for one in checked(invariant)]


def checked(invariant: Invariant) -> list[Violation]:
    found: list[Violation] = []
    for subject, sentence in invariant.find():
        if len(found) >= SHOWN:
            found.append(Violation(invariant.name, "…", "and more of the same kind", invariant.remedy))
            break
        remedy = invariant.remedy.format(subject=subject)
        found.append(Violation(invariant.name, subject, sentence, remedy))
    return found


def size() -> int:
    return int(Invoice.select().count())
