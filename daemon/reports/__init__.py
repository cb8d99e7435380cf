"""Reports: what the books say, in one shape, for every face and every format.

A module for each; the questions to the database are in `store.reporting`, how they are written in `writing`.
"""

from daemon.reports.asking import Asked, Wish
from daemon.reports.catalogue import REPORTS, ReportType, make
from daemon.reports.shape import Chart, Column, Kind, Report

__all__ = ["REPORTS", "Asked", "Chart", "Column", "Kind", "Report", "ReportType", "Wish", "make"]
