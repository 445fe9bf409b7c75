//! Runs the judge as a process: it follows the changelog during the soak, and checks the output afterwards.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::scene::Scene;

/// The judge's process.
pub struct Judge {
    program: PathBuf,
    watching: Child,
}

impl Drop for Judge {
    fn drop(&mut self) {
        let _ = self.watching.kill();
        let _ = self.watching.wait();
    }
}

impl Judge {
    /// Builds the judge if necessary and starts it on the changelog.
    pub fn watch(scene: &Scene) -> Self {
        let insightd = Path::new(env!("CARGO_BIN_EXE_insightd"));
        // `cargo test --test soak` builds no examples. With the profile and features of this test, cargo
        // compiles at most the judge itself.
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--example", "judge"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        if insightd.parent().is_some_and(|folder| folder.ends_with("release")) {
            cargo.arg("--release");
        }
        if cfg!(feature = "crash-points") {
            cargo.args(["--features", "crash-points"]);
        }
        assert!(cargo.status().expect("cargo can be run").success(), "the judge cannot be built");
        let program = insightd.with_file_name("examples").join("judge");
        let mut watch = Command::new(&program);
        watch.arg("watch").arg("--config").arg(scene.config_file()).arg("--into").arg(scene.folder.path());
        let watching = watch.stdin(Stdio::piped()).spawn().expect("the judge can be run");
        Self { program, watching }
    }

    /// Asserts that every comparison holds, and that the judge detects each defect.
    pub fn rule(&mut self, scene: &Scene) {
        drop(self.watching.stdin.take());
        assert!(self.watching.wait().expect("it ends").success(), "the judge did not read the whole changelog");
        let folder = scene.folder.path();
        let mut fold = Command::new(&self.program);
        fold.arg("fold").arg("--config").arg(scene.config_file()).arg("--into").arg(folder);
        let folded = fold.arg("--insightd").arg(env!("CARGO_BIN_EXE_insightd")).status().expect("the judge can be run");
        assert!(folded.success(), "the judge could not fold the input");

        let (code, said) = self.compare(scene, &[]);
        println!("{said}");
        if code != Some(0) {
            // Keeps the evidence for an analysis.
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("soak-broken");
            let _ = std::fs::remove_dir_all(&kept);
            let copied = Command::new("cp").arg("-r").arg(folder).arg(&kept).status();
            scene.broker.keep(&kept.join("cluster"));
            panic!("the judge found differences; the evidence is in {}, with the topics ({copied:?})", kept.display());
        }
        let seed = scene.form.seed.to_string();
        for defect in ["drop", "repeat", "digit"] {
            let (code, said) = self.compare(scene, &["--defect", defect, "--seed", &seed]);
            println!("{said}");
            assert_eq!(code, Some(1), "the judge does not detect the defect {defect}");
            assert!(
                said.contains("BROKEN EO-B: committed insights") && said.contains("BROKEN EO-C"),
                "{defect}: {said}"
            );
        }
    }

    fn compare(&self, scene: &Scene, options: &[&str]) -> (Option<i32>, String) {
        let mut compare = Command::new(&self.program);
        compare.arg("compare").arg("--from").arg(scene.folder.path()).args(options);
        let output = compare.stderr(Stdio::inherit()).output().expect("the judge can be run");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
