"""Where things are, and how a tool is asked. Nothing here checks anything."""

import pathlib
import re
import subprocess

from ruamel.yaml import YAML

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
INSIGHTD = ROOT / "target/debug/insightd"
KAFKA = ROOT / "tests/kafka/kafka"
TOOLS = ROOT / "target/deploy-tools"
HADOLINT = TOOLS / "venv/bin/hadolint"
CHECK_JSONSCHEMA = TOOLS / "venv/bin/check-jsonschema"
PROMTOOL = TOOLS / "bin/promtool"
PROMETHEUS = TOOLS / "bin/prometheus"


def ask(*command, **more):
    """Runs a tool; its exit code and all that it said."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, **more)
    return done.returncode, done.stdout


def yaml(path):
    """A YAML file as plain values."""
    return YAML(typ="safe").load(path.read_text())


def found(pattern, path):
    """What the one group of a pattern matches in a file."""
    match = re.search(pattern, path.read_text(), re.MULTILINE)
    assert match, f"{pattern} is not in {path.relative_to(ROOT)}"
    return match.group(1)


def compose():
    """deploy/compose.yaml."""
    return yaml(DEPLOY / "compose.yaml")


def environment(service):
    """The variables that compose.yaml gives a service, as the process sees them."""
    return {name: str(value).replace("$$", "$") for name, value in compose()["services"][service]["environment"].items()}
