"""The customers' pages, under /customer-portal/: what is owed, what becomes of the service, questions, and,
for whom the tenant lets, the billing system that they connect themselves. Nothing here moves money."""
