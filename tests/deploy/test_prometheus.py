"""deploy/prometheus: configuration, rules, and the rules' own tests."""

import unittest

from project import DEPLOY, PROMTOOL, ask, yaml

FOLDER = DEPLOY / "prometheus"
RULES = FOLDER / "insightd.rules.yml"


class Prometheus(unittest.TestCase):
    def test_promtool_accepts_configuration_and_rules(self):
        code, said = ask(PROMTOOL, "check", "config", "--lint-fatal", FOLDER / "prometheus.yml")
        self.assertEqual(code, 0, said)
        self.assertIn(f"{len(alerts())} rules found", said)

    def test_the_rules_pass_their_tests(self):
        code, said = ask(PROMTOOL, "test", "rules", FOLDER / "insightd.rules.test.yml")
        self.assertEqual(code, 0, said)

    def test_every_alert_is_tested_firing_and_not_firing(self):
        fires, silent = set(), set()
        for group in yaml(FOLDER / "insightd.rules.test.yml")["tests"]:
            for case in group["alert_rule_test"]:
                (fires if case["exp_alerts"] else silent).add(case["alertname"])
        names = {alert["alert"] for alert in alerts()}
        self.assertEqual((fires, silent), (names, names))

    def test_every_alert_says_what_it_is_and_where_the_runbook_tells_more(self):
        headings = {line[3:].strip().lower() for line in (DEPLOY.parent / "docs" / "operations.md").read_text().splitlines() if line.startswith("## ")}
        for alert in alerts():
            name, notes = alert["alert"], alert["annotations"]
            self.assertEqual(notes["runbook"], f"docs/operations.md#{name.lower()}")
            self.assertIn(name.lower(), headings, "no section of the runbook")
            self.assertTrue(notes["summary"] and notes["description"], name)
            self.assertIn(alert["labels"]["severity"], ("critical", "warning"), name)


def alerts():
    return [rule for group in yaml(RULES)["groups"] for rule in group["rules"]]


if __name__ == "__main__":
    unittest.main()
