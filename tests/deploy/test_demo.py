"""`insightd demo` under the eyes of a real Prometheus with the configuration of deploy/: the dashboard beside the demo is not empty."""

import re
import time
import unittest

import dashboard
from project import INSIGHTD
from watching import Processes, Prometheus, until

# A small organisation whose accounts are of age, and a day of attacks slow enough that an insight of twenty minutes is seen by several scrapes.
# What is found depends on the day of the week on which this runs: enough attacks that some are found on each.
SIZE = ("--accounts", "4", "--days", "7", "--attacks", "14", "--activity", "0.1", "--day-seconds", "40")


class Demo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.processes = Processes()
        cls.addClassCleanup(cls.end)
        cls.processes.launch("demo", INSIGHTD, "demo", *SIZE, "--keep-running")
        told = until("the demo says where /metrics is", lambda: re.search(r"http://(\S+:\d+)/metrics", cls.processes.log("demo")))
        cls.listen = told.group(1)
        cls.prometheus = Prometheus(cls.processes, cls.listen, "250ms")
        until("the day with the attacks is over", lambda: "Traffic continues" in cls.processes.log("demo"), 300)
        time.sleep(2)   # a few more scrapes

    @classmethod
    def end(cls):
        codes = cls.processes.stop()
        assert codes.get("demo") == 0, f"the demo ended with exit code {codes.get('demo')} after SIGTERM"

    def test_every_query_of_the_dashboard_returns_data(self):
        self.assertGreater(len(dashboard.queries()), 40)
        self.assertEqual(dashboard.empty(self.prometheus), [])

    def test_the_variables_of_the_dashboard_have_values(self):
        self.assertEqual(self.prometheus.api("label/job/values", **{"match[]": "insightd_build_info"}), ["insightd"])
        self.assertEqual(self.prometheus.api("label/instance/values", **{"match[]": 'insightd_build_info{job=~".*"}'}), [self.listen])

    def test_its_insights_raise_alerts(self):
        self.assertTrue(any(self.prometheus.since_begun('ALERTS{alertname="InsightOpen", alertstate="firing"}')))


if __name__ == "__main__":
    unittest.main()
