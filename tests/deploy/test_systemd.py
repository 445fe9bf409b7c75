"""deploy/systemd/insightd.service."""

import pathlib
import tempfile
import unittest

from project import DEPLOY, INSIGHTD, ask

UNIT = DEPLOY / "systemd/insightd.service"
INSTALLED = "/usr/local/bin/insightd"
# In tenths. What is left: it reaches the network, keeps local sockets for the resolver, and no address list can be shipped.
EXPOSURE_MAX = 15


class Unit(unittest.TestCase):
    def test_systemd_understands_every_line(self):
        with tempfile.TemporaryDirectory() as folder:
            unit = pathlib.Path(folder) / UNIT.name
            text = UNIT.read_text()
            self.assertEqual(text.count(f"ExecStart={INSTALLED} "), 1)
            unit.write_text(text.replace(f"ExecStart={INSTALLED}", f"ExecStart={INSIGHTD}"))
            code, said = ask("systemd-analyze", "verify", "--man=no", unit)
        # It exits with 0 on unknown keys and bad values: only silence is good.
        self.assertEqual((code, said), (0, ""))

    def test_its_exposure_stays_small(self):
        code, said = ask("systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={EXPOSURE_MAX}", UNIT)
        self.assertEqual(code, 0, said)
        self.assertIn("Overall exposure level", said)

    def test_what_a_person_must_mend_is_not_restarted(self):
        usage, _ = ask(INSIGHTD, "run")
        configuration, _ = ask(INSIGHTD, "check", "--config", "/nowhere.toml")
        self.assertIn(f"\nRestartPreventExitStatus={usage} {configuration}\n", UNIT.read_text())


if __name__ == "__main__":
    unittest.main()
