"""Import: a file of invoices goes in, the good ones whatever is wrong with the others.

CSV (a header names the columns; rows of one number that follow one another are its lines) or JSON Lines
(one invoice a line, as the API takes it). A file may be imported again: what is there with the same
content is left alone.
"""

from daemon.jobs.importing.entering import Import, Report
from daemon.jobs.importing.files import Item, Problem, read_csv, read_json_lines, read_rows, snake_case

__all__ = ["Import", "Item", "Problem", "Report", "read_csv", "read_json_lines", "read_rows", "snake_case"]
