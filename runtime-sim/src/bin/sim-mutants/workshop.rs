use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mutants::Mutant;
use crate::options::Options;

/// A copy of the repository in which things may be broken.
pub(crate) struct Workshop {
    copy: PathBuf,
    build: PathBuf,
}

/// What became of a mutant.
pub(crate) enum Verdict {
    /// This seed broke a promise.
    Killed {
        seed: u64,
        promise: String,
        /// How many steps are enough, if that was looked for.
        steps: Option<u64>,
    },
    /// All seeds kept all promises.
    Alive,
    /// It could not be planted, or does not compile.
    Unusable(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed {
                seed,
                promise,
                steps,
            } => {
                let steps = steps.map(|steps| steps.to_string()).unwrap_or_default();
                write!(f, "{seed} | {steps} | {promise}")
            }
            Self::Alive => f.write_str("- | - | ALIVE"),
            Self::Unusable(why) => write!(f, "- | - | UNUSABLE: {why}"),
        }
    }
}

impl Workshop {
    pub(crate) fn open() -> io::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .ok_or(io::ErrorKind::NotFound)?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let place = target
            .unwrap_or_else(|| root.join("target"))
            .join("mutants");
        let workshop = Self {
            copy: place.join("tree"),
            build: place.join("build"),
        };
        if workshop.copy.exists() {
            fs::remove_dir_all(&workshop.copy)?;
        }
        copy(root, &workshop.copy)?;
        Ok(workshop)
    }

    /// Plants `mutant`, runs seeds until one breaks a promise, and takes it out again.
    pub(crate) fn try_out(&self, mutant: &Mutant, options: &Options) -> Verdict {
        let path = self.copy.join("chat-core/src").join(mutant.file);
        let sound = match fs::read_to_string(&path) {
            Ok(sound) => sound,
            Err(error) => return Verdict::Unusable(format!("{}: {error}", mutant.file)),
        };
        let places = sound.matches(mutant.from).count();
        if places != 1 {
            return Verdict::Unusable(format!("{} has its text {places} times", mutant.file));
        }
        if let Err(error) = fs::write(&path, sound.replacen(mutant.from, mutant.to, 1)) {
            return Verdict::Unusable(error.to_string());
        }
        let verdict = self.build_and_run(options);
        if let Err(error) = fs::write(&path, sound) {
            return Verdict::Unusable(format!("not taken out again: {error}"));
        }
        verdict
    }

    fn build_and_run(&self, options: &Options) -> Verdict {
        let built = Command::new(env!("CARGO"))
            .args([
                "build",
                "--release",
                "--quiet",
                "--package",
                "chat-runtime-sim",
            ])
            .args(["--bin", "sim", "--target-dir"])
            .arg(&self.build)
            .current_dir(&self.copy)
            .env_remove("CARGO_TARGET_DIR")
            .env("RUSTFLAGS", "-Awarnings")
            // Most of the time goes into building.
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .output();
        match built {
            Err(error) => return Verdict::Unusable(error.to_string()),
            Ok(built) if !built.status.success() => {
                let text = String::from_utf8_lossy(&built.stderr);
                let error = text.lines().find(|line| line.starts_with("error"));
                return Verdict::Unusable(error.unwrap_or("it does not build").into());
            }
            Ok(_) => {}
        }
        let ran = Command::new(self.build.join("release/sim"))
            .args(["--seeds", &options.seeds.to_string()])
            .args(["--tries", &options.tries.to_string()])
            .args(options.shrink.then_some("--shrink"))
            .output();
        let text = match ran {
            Ok(ran) => String::from_utf8_lossy(&ran.stdout).into_owned(),
            Err(error) => return Verdict::Unusable(error.to_string()),
        };
        let after = |beginning: &str| {
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix(beginning).map(str::to_owned))
        };
        let seed = after("seed ").and_then(|rest| rest.trim_end_matches(':').parse().ok());
        let steps = after("; ").and_then(|rest| rest.split(' ').next()?.parse().ok());
        match (seed, after("broken promise: ")) {
            (Some(seed), promise) => Verdict::Killed {
                seed,
                promise: promise.unwrap_or_else(|| "(not told)".into()),
                steps,
            },
            (None, _) if text.contains("faults that struck") => Verdict::Alive,
            // What takes the whole process down is found, too.
            (None, _) => Verdict::Killed {
                seed: 0,
                promise: "the process did not survive it".into(),
                steps: None,
            },
        }
    }
}

/// Copies a tree, without what was built and what is hidden.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "target" || name.to_string_lossy().starts_with('.') {
            continue;
        }
        let (from, to) = (entry.path(), to.join(&name));
        if entry.file_type()?.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}
