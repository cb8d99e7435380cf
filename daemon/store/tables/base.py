"""What all tables are."""

from __future__ import annotations

import peewee as pw

database = pw.DatabaseProxy()


class Table(pw.Model):
    class Meta:
        database = database
        legacy_table_names = False
