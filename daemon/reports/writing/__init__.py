"""How a report is written: a format for each way in which somebody reads it."""

from daemon.reports.writing.charts import figure, svg
from daemon.reports.writing.formats import FORMATS, Format, filename, written

__all__ = ["FORMATS", "Format", "figure", "filename", "svg", "written"]
