"""Bill: an invoice for each subscription and period, exactly one, whatever runs twice.

1. Each hour (and when a person asks) every tenant is looked through; the tenant's zone says which day it is.
2. What is due is read in batches, day by day in the order in which it came due. In one transaction each: the
   invoice with its number, the row of the period (unique), the counter, and where the subscription is billed
   up to.
3. Periods that were missed are caught up, oldest first. Where one ended longer ago than `bill.catch_up` the
   subscription is held for a person, who bills or skips it: nobody gets a year of invoices at once because a
   start date was mistyped.
"""

from daemon.jobs.bill.batches import Held
from daemon.jobs.bill.items import Item
from daemon.jobs.bill.numbering import NumberingNow, numbering_of, set_numbering
from daemon.jobs.bill.planfile import (
    Difference,
    PlanFile,
    differences,
    read_plan_file,
    shape_of,
    write_plan_file,
)
from daemon.jobs.bill.running import Tally, bill, bill_tenant, plan_tenant

__all__ = [
    "Difference",
    "Held",
    "Item",
    "NumberingNow",
    "PlanFile",
    "Tally",
    "bill",
    "bill_tenant",
    "differences",
    "numbering_of",
    "plan_tenant",
    "read_plan_file",
    "set_numbering",
    "shape_of",
    "write_plan_file",
]
