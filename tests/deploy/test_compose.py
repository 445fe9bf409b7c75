"""deploy/compose.yaml: its schema, and that the files and the names in it agree with each other."""

import os
import re
import unittest

from project import CHECK_JSONSCHEMA, DEPLOY, INSIGHTD, KAFKA, ROOT, ask, compose, environment, found, yaml


class Compose(unittest.TestCase):
    def setUp(self):
        self.services = compose()["services"]

    def test_it_follows_the_compose_specification(self):
        code, said = ask(CHECK_JSONSCHEMA, "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")
        self.assertEqual(code, 0, said)

    def test_every_mounted_file_exists_and_every_named_volume_is_declared(self):
        mounts = [mount.split(":") for service in self.services.values() for mount in service.get("volumes", [])]
        files = [DEPLOY / source for source, *_ in mounts if source.startswith(".")]
        self.assertGreaterEqual(len(files), 5)
        self.assertEqual([file for file in files if not file.is_file()], [])
        named = {source for source, *_ in mounts if not source.startswith(".")}
        self.assertEqual(named, set(compose()["volumes"]))

    def test_the_image_is_built_from_this_repository(self):
        build = self.services["insightd"]["build"]
        self.assertEqual((DEPLOY / build["context"]).resolve(), ROOT)
        self.assertTrue((ROOT / build["dockerfile"]).is_file())

    def test_every_image_has_a_version(self):
        images = [service["image"] for name, service in self.services.items() if "build" not in service]
        self.assertEqual([image for image in images if not re.search(r":v?\d+\.\d+\.\d+$", image)], [])

    def test_the_broker_is_the_one_that_the_tests_run(self):
        version = found(r"^VERSION=(\S+)", KAFKA)
        for service in ("kafka", "topics"):
            self.assertEqual(self.services[service]["image"], f"apache/kafka:{version}")

    def test_every_port_is_published_on_loopback_alone(self):
        ports = [port for service in self.services.values() for port in service.get("ports", [])]
        self.assertEqual([port for port in ports if not port.startswith("127.0.0.1:")], [])

    def test_prometheus_scrapes_where_the_daemon_listens(self):
        port = environment("insightd")["INSIGHTD__HTTP__LISTEN"].split(":")[1]
        jobs = yaml(DEPLOY / "prometheus/prometheus.yml")["scrape_configs"]
        self.assertEqual([(job["job_name"], job["static_configs"]) for job in jobs], [("insightd", [{"targets": [f"insightd:{port}"]}])])
        self.assertIn(f"/127.0.0.1/{port} ", self.services["insightd"]["healthcheck"]["test"][-1])
        self.assertEqual(found(r"^EXPOSE (\d+)$", DEPLOY / "Dockerfile"), port)
        self.assertIn(f"127.0.0.1:{port}:{port}", self.services["insightd"]["ports"])

    def test_the_daemon_knows_the_broker_by_a_listener_it_advertises(self):
        advertised = environment("kafka")["KAFKA_ADVERTISED_LISTENERS"]
        address = environment("insightd")["INSIGHTD__KAFKA__BOOTSTRAP_SERVERS"]
        self.assertIn(f"://{address}", advertised)
        self.assertIn(f"--bootstrap-server {address}", self.services["topics"]["command"][0])
        self.assertIn(address, self.services["kafka"]["healthcheck"]["test"])

    def test_the_topics_made_are_those_of_the_daemon(self):
        made = re.findall(r"--topic (\S+)|\$create --topic (\S+)", self.services["topics"]["command"][0].replace("$$", "$"))
        variables = environment("insightd")
        wanted = [variables[f"INSIGHTD__{key}"] for key in ("INPUT__TOPICS", "OUTPUT__TOPIC", "DLQ__TOPIC", "STATE__TOPIC")]
        self.assertEqual([first or second for first, second in made], wanted)

    def test_grafana_finds_its_data_source_and_its_dashboard(self):
        source = yaml(DEPLOY / "grafana/provisioning/datasources/prometheus.yaml")["datasources"][0]
        self.assertEqual(source["url"], "http://prometheus:9090")
        self.assertEqual(source["jsonData"]["timeInterval"], yaml(DEPLOY / "prometheus/prometheus.yml")["global"]["scrape_interval"])
        folder = yaml(DEPLOY / "grafana/provisioning/dashboards/insightd.yaml")["providers"][0]["options"]["path"]
        inside = [mount.split(":")[1] for mount in self.services["grafana"]["volumes"]]
        self.assertIn(f"{folder}/insightd.json", inside)
        self.assertEqual(environment("grafana")["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"], f"{folder}/insightd.json")

    def test_the_daemon_accepts_every_variable(self):
        variables = environment("insightd")
        self.assertTrue(all(name.startswith("INSIGHTD__") for name in variables))
        # Nobody answers at port 1; a broker that does not answer is no fault of the configuration.
        variables["INSIGHTD__KAFKA__BOOTSTRAP_SERVERS"] = "127.0.0.1:1"
        command = (INSIGHTD, "check", "--config", ROOT / "config/default.toml")
        code, said = ask(*command, env={"PATH": os.environ["PATH"], **variables})
        self.assertEqual(code, 0, said)
        for name in variables:
            self.assertIn(f"# environment variable {name}", said)
        code, said = ask(*command, env={"PATH": os.environ["PATH"], **variables, "INSIGHTD__KAFKA__NO_SUCH": "1"})
        self.assertEqual(code, 78, said)


if __name__ == "__main__":
    unittest.main()
