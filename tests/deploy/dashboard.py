"""deploy/grafana/insightd.json as panels and queries, and what Grafana would put for their variables."""

import json
import re
import time
import urllib.error

from project import DEPLOY

# What $__rate_interval becomes, in seconds.
RATE_INTERVAL = 10

FILE = DEPLOY / "grafana/insightd.json"


def load():
    return json.loads(FILE.read_text())


def panels():
    """Every panel, those inside rows included; not the rows."""
    todo, every = list(load()["panels"]), []
    while todo:
        panel = todo.pop(0)
        todo.extend(panel.get("panels", []))
        if panel["type"] != "row":
            every.append(panel)
    return every


def queries():
    """(panel and letter, target) of every query."""
    return [(f"{panel['title']} [{panel['type']}] {target['refId']}", target) for panel in panels() for target in panel["targets"]]


def variables():
    return {variable["name"]: variable for variable in load()["templating"]["list"]}


def filled(expression, interval, span):
    """An expression as Grafana sends it while every variable says All. `interval`: seconds of $__rate_interval; `span`: of $__range."""
    for name, value in (("__rate_interval", f"{interval}s"), ("__range", f"{span}s")):
        expression = re.sub(rf"\${name}\b", value, expression)
    for name, variable in variables().items():
        if variable["type"] == "query":
            expression = re.sub(rf"\${name}\b", variable["allValue"], expression)
    assert "$" not in expression, f"a variable that nobody fills: {expression}"
    return expression


def empty(prometheus):
    """The queries that have shown nothing since that Prometheus began, each with the reason."""
    span = int(time.time() - prometheus.begun) + 1
    found = []
    for title, target in queries():
        expression = filled(target["expr"], RATE_INTERVAL, span)
        try:
            series = prometheus.since_begun(expression)
            reason = None if any(series) else f"{len(series)} series without a number"
        except urllib.error.HTTPError as error:
            reason = json.load(error).get("error", error)
        if reason:
            found.append(f"{title}: {reason}: {expression}")
    return found
