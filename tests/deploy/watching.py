"""Processes in a folder of their own, and a real Prometheus among them that looks at insightd with the configuration of deploy/."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

from ruamel.yaml import YAML

from project import DEPLOY, PROMETHEUS, yaml

PATIENCE = 120


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(what, true, seconds=PATIENCE):
    """Waits for something to become true, and returns it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = true()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds} s")


class Processes:
    """What a test has started, until stop()."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="insightd-deploy-")
        self.home = pathlib.Path(self.folder.name)
        self.started = {}

    def launch(self, name, *command, **variables):
        with (self.home / f"{name}.log").open("w") as log:
            environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}
            self.started[name] = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)

    def log(self, name):
        """What a process has said; it must not have ended badly."""
        text = (self.home / f"{name}.log").read_text()
        assert self.started[name].poll() in (None, 0), text
        return text

    def stop(self):
        """SIGTERM to all; the exit codes by name."""
        codes = {}
        for process in self.started.values():
            process.send_signal(signal.SIGTERM)
        for name, process in self.started.items():
            try:
                codes[name] = process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                codes[name] = process.wait()
        self.folder.cleanup()
        return codes


class Prometheus:
    """Scrapes one address at this interval, such as "250ms"; the rest is prometheus.yml."""

    def __init__(self, processes, target, interval):
        self.processes, self.begun = processes, time.time()
        address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{address}"
        path = processes.home / "prometheus.yml"
        with path.open("w") as file:
            YAML(typ="safe").dump(self.configuration(target, interval), file)
        processes.launch("prometheus", PROMETHEUS, f"--config.file={path}", f"--storage.tsdb.path={processes.home}/tsdb",
                         f"--web.listen-address={address}", "--log.level=warn")
        until("Prometheus scrapes insightd", self.scrapes)

    @staticmethod
    def configuration(target, interval):
        configuration = yaml(DEPLOY / "prometheus/prometheus.yml")
        configuration["global"] = {"scrape_interval": interval, "evaluation_interval": interval}
        configuration["rule_files"] = [str(DEPLOY / "prometheus" / name) for name in configuration["rule_files"]]
        for job in configuration["scrape_configs"]:
            job["static_configs"] = [{"targets": [target]}]
        return configuration

    def scrapes(self):
        self.processes.log("prometheus")
        try:
            return self.query("up == 1")
        except OSError:
            return []

    def api(self, path, **parameters):
        """The `data` of an answer; urllib.error.HTTPError carries what a query is blamed for."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=30) as answer:
            return json.load(answer)["data"]

    def query(self, expression):
        return self.api("query", query=expression)["result"]

    def since_begun(self, expression):
        """The values that an expression had since the start, a list for each series, NaN left out."""
        now = time.time()
        answer = self.api("query_range", query=expression, start=self.begun, end=now, step="0.25")
        return [[value for _, value in series["values"] if value != "NaN"] for series in answer["result"]]

    def firing(self):
        return [alert for alert in self.api("alerts")["alerts"] if alert["state"] == "firing"]
