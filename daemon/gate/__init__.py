"""Gates: asked before every call to a provider, for one account and for all that share an app of ours."""

from daemon.gate.account import PATIENCE_S, IntegrationGate
from daemon.gate.app import AppGate, month_of

__all__ = ["PATIENCE_S", "AppGate", "IntegrationGate", "month_of"]
