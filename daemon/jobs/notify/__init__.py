"""Notify: what happened goes out to the platform, and what needs a person to the operator.

1. The sequencer stamps what is new; each endpoint that wants it gets a delivery (`notify`).
2. A worker for each endpoint sends what is due, in order, and writes down what came back (`deliver`).
3. Alerts are made of what the rows say now (`alerting`).
"""

from daemon.jobs.notify.alerting import Alarm
from daemon.jobs.notify.delivering import TURN, deliver, notify, send_test

__all__ = ["TURN", "Alarm", "deliver", "notify", "send_test"]
