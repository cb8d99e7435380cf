"""A customer's own billing system: chosen, connected, checked, saved, changed and removed by themselves,
where the tenant lets them."""

from daemon.web.portal.setup.pages import PAGES

__all__ = ["PAGES"]
