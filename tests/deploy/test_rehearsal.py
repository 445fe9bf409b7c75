"""What compose.yaml describes, in use without containers: it is given the sample, and looked at as an operator would."""

import unittest

import dashboard
from rehearsal import Rehearsal
from watching import free_port


class Rehearsed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.running = Rehearsal()
        cls.addClassCleanup(cls.end)
        cls.running.feed()
        cls.prometheus = cls.running.prometheus

    @classmethod
    def end(cls):
        code = cls.running.stop()
        assert code == 0, f"insightd ended with exit code {code} after SIGTERM, the image's STOPSIGNAL"

    def test_the_health_check_of_compose_tells_up_from_down(self):
        self.assertEqual(self.running.health_check(self.running.listen), 0)
        self.assertNotEqual(self.running.health_check(f"127.0.0.1:{free_port()}"), 0)

    def test_every_query_of_the_dashboard_returns_data(self):
        self.assertEqual(dashboard.empty(self.prometheus), [])

    def test_prometheus_can_evaluate_every_rule(self):
        rules = [rule for group in self.prometheus.api("rules")["groups"] for rule in group["rules"]]
        self.assertGreater(len(rules), 15)
        self.assertEqual([(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"], [])

    def test_every_open_insight_is_an_alert_that_a_person_can_read(self):
        alerts = [alert for alert in self.prometheus.firing() if alert["labels"]["alertname"] == "InsightOpen"]
        self.assertEqual(len(alerts), len(self.prometheus.query("insightd_insight_open == 1")))
        for alert in alerts:
            self.assertRegex(alert["annotations"]["description"], r"^[\d.]+ calls a minute at detection where [\d.]+ are usual, to \S+\.amazonaws\.com in \S+ \(Api")

    def test_no_alert_about_a_healthy_daemon_fires(self):
        self.assertEqual([alert for alert in self.prometheus.firing() if alert["labels"]["alertname"].startswith("Insightd")], [])


if __name__ == "__main__":
    unittest.main()
