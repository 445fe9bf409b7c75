"""deploy/Dockerfile and .dockerignore."""

import fnmatch
import re
import unittest

from project import DEPLOY, HADOLINT, ROOT, ask, found

DOCKERFILE = DEPLOY / "Dockerfile"


class Image(unittest.TestCase):
    def test_hadolint_finds_nothing(self):
        code, said = ask(HADOLINT, "--no-color", DOCKERFILE)
        self.assertEqual((code, said), (0, ""))

    def test_the_compiler_is_that_of_rust_toolchain_toml(self):
        channel = found(r'^channel = "(.*)"', ROOT / "rust-toolchain.toml")
        self.assertEqual(found(r"^FROM rust:([\d.]+)-slim", DOCKERFILE), channel)

    def test_what_is_copied_exists_and_is_sent_to_the_builder(self):
        allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
        copied = [word for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE.read_text(), re.MULTILINE) for word in line.split()[:-1]]
        self.assertGreater(len(copied), 5)
        for path in copied:
            self.assertTrue((ROOT / path).exists(), f"COPY {path}: not there")
            self.assertTrue(any(fnmatch.fnmatch(path, top) or path.startswith(top + "/") for top in allowed), f"COPY {path}: kept out by .dockerignore")

    def test_nothing_that_is_compiled_lies_outside_what_is_copied(self):
        named = [(source, path) for source in [*(ROOT / "src").rglob("*.rs"), *(ROOT / "crates").rglob("*.rs")] for path in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', source.read_text())]
        self.assertTrue(named)
        for source, path in named:
            top = (source.parent / path).resolve().relative_to(ROOT).parts[0]
            self.assertIn(top, ("src", "config", "crates"), f"{source}: {path} is not in the image's build")

    def test_it_runs_as_a_number_that_is_not_root(self):
        uid, gid = found(r"^USER (\d+:\d+)$", DOCKERFILE).split(":")
        self.assertNotIn("0", (uid, gid))
        self.assertLess(DOCKERFILE.read_text().index("\nUSER"), DOCKERFILE.read_text().index("\nENTRYPOINT"))


if __name__ == "__main__":
    unittest.main()
