"""What compose.yaml starts, started from its own words without containers: a real Apache Kafka, the topics, insightd, Prometheus.

Host names and ports become loopback ones, and Prometheus looks every second; nothing else differs."""

import gzip
import json
import os
import re
import time
from datetime import datetime, timedelta, timezone

from project import INSIGHTD, KAFKA, ROOT, ask, compose, environment
from watching import Processes, Prometheus, free_port, until

# Of the broker's variables those that say where it is are the cluster script's business.
PLACES = ("NODE_ID", "PROCESS_ROLES", "LISTENERS", "ADVERTISED_LISTENERS", "LISTENER_SECURITY_PROTOCOL_MAP", "INTER_BROKER_LISTENER_NAME",
          "CONTROLLER_LISTENER_NAMES", "CONTROLLER_QUORUM_VOTERS", "LOG_DIRS")
# In the sample a scan that fails is under way then: its insights are open.
NOW_IN_THE_SAMPLE = datetime(2025, 3, 10, 15, 42, tzinfo=timezone.utc)


def sample(now):
    """The records of the sample up to that moment, moved so that it is `now`, one a line."""
    moved = now - NOW_IN_THE_SAMPLE
    for path in sorted((ROOT / "samples").rglob("*.json.gz")):
        for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]:
            at = datetime.fromisoformat(record["eventTime"].replace("Z", "+00:00"))
            if at <= NOW_IN_THE_SAMPLE:
                record["eventTime"] = (at + moved).strftime("%Y-%m-%dT%H:%M:%SZ")
                yield json.dumps(record)


class Rehearsal:
    """The services, until stop()."""

    def __init__(self):
        self.processes = Processes()
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self):
        address = self.kafka("start", "--ephemeral", "--owner", os.getpid(), *self.broker_settings()).split()[-1]
        self.make_topics()
        self.listen = f"127.0.0.1:{free_port()}"
        variables = environment("insightd") | {"INSIGHTD__KAFKA__BOOTSTRAP_SERVERS": address, "INSIGHTD__HTTP__LISTEN": self.listen}
        self.processes.launch("insightd", INSIGHTD, "run", "--config", ROOT / "config/default.toml", **variables)
        until("insightd is healthy, as compose.yaml asks it", self.healthy)
        self.prometheus = Prometheus(self.processes, self.listen, "1s")

    @staticmethod
    def broker_settings():
        """compose.yaml's KAFKA_ variables as the image would turn them into properties."""
        for name, value in environment("kafka").items():
            key = name.removeprefix("KAFKA_")
            if key not in PLACES:
                yield from ("--set", f"{key.lower().replace('_', '.')}={value}")

    def kafka(self, command, *arguments, **more):
        code, said = ask(KAFKA, command, "--data", self.processes.home / "kafka", *arguments, **more)
        assert code == 0, f"kafka {command}: {said}"
        return said

    def make_topics(self):
        script = compose()["services"]["topics"]["command"][0].replace("$$", "$")
        ours = f"{KAFKA} topics --data {self.processes.home}/kafka"
        script, replaced = re.subn(r"/opt/kafka/bin/kafka-topics\.sh --bootstrap-server \S+", ours, script)
        assert replaced == 1, script
        code, said = ask("/bin/sh", "-ec", script)
        assert code == 0, said

    def healthy(self):
        self.processes.log("insightd")
        return self.health_check(self.listen) == 0

    @staticmethod
    def health_check(address):
        """Exit code of compose.yaml's own command."""
        kind, *command = compose()["services"]["insightd"]["healthcheck"]["test"]
        assert kind == "CMD"
        command = [re.sub(r"/dev/tcp/127\.0\.0\.1/\d+", "/dev/tcp/" + address.replace(":", "/"), word.replace("$$", "$")) for word in command]
        return ask(*command)[0]

    def feed(self):
        """Sends the sample and waits for what it must bring."""
        lines = "\n".join(sample(datetime.now(timezone.utc) - timedelta(seconds=10))) + "\n"
        self.kafka("producer", "--topic", "cloudtrail", input=lines)
        until("an insight is open in Prometheus", lambda: self.prometheus.query("insightd_insight_open == 1"))
        until("all was read", lambda: self.prometheus.query("sum(insightd_kafka_lag_records) == 0"))
        time.sleep(3)   # a few more scrapes and evaluations

    def stop(self):
        """Ends what was started; the exit code of insightd."""
        process = self.processes.started.get("insightd")
        if process:
            process.terminate()
            process.wait(30)    # before its broker, with which it still has to commit
        if (self.processes.home / "kafka/cluster").exists():
            ask(KAFKA, "stop", "--data", self.processes.home / "kafka")
        return self.processes.stop().get("insightd")
