"""The shape of deploy/grafana/insightd.json; test_live.py asks its queries."""

import itertools
import re
import unittest

import dashboard

TYPES = {"stat", "timeseries", "table", "heatmap"}
FORMATS = {"stat": "time_series", "timeseries": "time_series", "table": "table", "heatmap": "heatmap"}
COLUMNS = 24


class Dashboard(unittest.TestCase):
    def setUp(self):
        self.whole = dashboard.load()
        self.panels = dashboard.panels()

    def test_it_can_be_imported_as_it_stands(self):
        self.assertEqual((self.whole["uid"], self.whole["title"]), ("insightd", "insightd"))
        self.assertNotIn("__inputs", self.whole)
        self.assertNotIn("id", self.whole)
        self.assertGreaterEqual(self.whole["schemaVersion"], 39)
        for key in ("annotations", "templating", "time", "panels", "timezone", "editable"):
            self.assertIn(key, self.whole)

    def test_every_panel_has_a_number_a_name_and_says_what_it_shows(self):
        numbers = [panel["id"] for panel in self.whole["panels"]]
        self.assertEqual(len(numbers), len(set(numbers)))
        for panel in self.panels:
            self.assertIn(panel["type"], TYPES)
            self.assertTrue(panel["title"] and panel["description"].endswith("."), panel["title"])
            self.assertIn("defaults", panel["fieldConfig"])
            self.assertIn("overrides", panel["fieldConfig"])

    def test_no_panel_lies_on_another_or_outside(self):
        places = [(panel["title"], panel["gridPos"]) for panel in self.whole["panels"]]
        for title, at in places:
            self.assertTrue(at["w"] > 0 and at["h"] > 0 and 0 <= at["x"] and at["x"] + at["w"] <= COLUMNS, title)
        for (one, a), (other, b) in itertools.combinations(places, 2):
            beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
            above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
            self.assertTrue(beside or above, f"{one} and {other} overlap")

    def test_every_query_goes_to_the_chosen_data_source_in_the_form_its_panel_reads(self):
        chosen = {"type": "prometheus", "uid": "${datasource}"}
        for panel in self.panels:
            self.assertEqual(panel["datasource"], chosen)
            letters = [target["refId"] for target in panel["targets"]]
            self.assertEqual(letters, [chr(ord("A") + n) for n in range(len(letters))], panel["title"])
            for target in panel["targets"]:
                self.assertEqual(target["datasource"], chosen)
                self.assertEqual(target["format"], FORMATS[panel["type"]], panel["title"])
                self.assertNotEqual(target["instant"], target["range"], panel["title"])

    def test_every_query_keeps_to_the_chosen_processes(self):
        for title, target in dashboard.queries():
            metrics = len(re.findall(r"\b(?:insightd|process)_\w+|\bup\b", target["expr"]))
            chosen = target["expr"].count('{job=~"$job", instance=~"$instance"')
            self.assertEqual((title, chosen), (title, metrics))

    def test_what_a_legend_names_is_left_by_its_query(self):
        for title, target in dashboard.queries():
            kept = re.search(r"\bby \(([^)]*)\)", target["expr"])
            if kept:
                left = set(re.split(r",\s*", kept.group(1)))
                self.assertLessEqual(set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", ""))), left, title)

    def test_variables_are_defined_before_they_are_used(self):
        known = dashboard.variables()
        self.assertEqual(list(known), ["datasource", "job", "instance"])
        self.assertEqual((known["datasource"]["type"], known["datasource"]["query"]), ("datasource", "prometheus"))
        for name in ("job", "instance"):
            self.assertTrue(known[name]["includeAll"] and known[name]["allValue"], name)


if __name__ == "__main__":
    unittest.main()
