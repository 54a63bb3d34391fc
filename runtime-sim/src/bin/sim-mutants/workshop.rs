use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::graft::{Stock, switchboard};
use crate::mutants::Mutant;

/// A copy of the repository in which things may be broken.
pub(crate) struct Workshop {
    copy: PathBuf,
    build: PathBuf,
}

/// A build of the simulator with mutants in its library, all of them asleep.
pub(crate) struct Planted {
    /// The program.
    pub(crate) sim: PathBuf,
    /// The mutants that are not in it, by number, and why.
    pub(crate) unusable: BTreeMap<usize, String>,
}

/// Where the mutants of a file are.
type Lines = BTreeMap<usize, RangeInclusive<usize>>;

impl Workshop {
    /// Makes the copy, under the target folder.
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
        let mut lib = fs::read_to_string(workshop.source("lib.rs"))?;
        lib.push_str(&switchboard());
        fs::write(workshop.source("lib.rs"), lib)?;
        Ok(workshop)
    }

    /// Plants all of `mutants` that can be, and builds the simulator on what comes of it.
    ///
    /// # Errors
    ///
    /// If it does not build, and that is none of the mutants' fault, as far as can be told.
    pub(crate) fn plant(&self, mutants: &BTreeMap<usize, &Mutant>) -> io::Result<Planted> {
        let mut unusable = BTreeMap::new();
        let mut files: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (&number, &mutant) in mutants {
            let file = files.entry(mutant.file).or_default();
            file.push((number, mutant));
        }
        let mut sound = BTreeMap::new();
        for &file in files.keys() {
            sound.insert(
                file,
                fs::read_to_string(self.source(file)).unwrap_or_default(),
            );
        }
        loop {
            let mut lines = BTreeMap::new();
            for (&file, mutants) in &files {
                let mut stock = Stock::new(&sound[file]).map_err(io::Error::other)?;
                for &(number, mutant) in mutants {
                    if !unusable.contains_key(&number)
                        && let Err(why) = stock.add(number, mutant)
                    {
                        unusable.insert(number, why);
                    }
                }
                let grafted = stock.grafted();
                if !grafted.lines.is_empty() {
                    fs::write(self.source(file), grafted.text)?;
                    lines.insert(Path::new("chat-core/src").join(file), grafted.lines);
                }
            }
            let errors = self.build()?;
            if errors.is_empty() {
                let sim = self.build.join("release/sim");
                return Ok(Planted { sim, unusable });
            }
            let guilty = guilty(&errors, &lines);
            if guilty.is_empty() {
                return Err(io::Error::other(text(&errors[0])));
            }
            unusable.extend(guilty);
        }
    }

    /// The place of a file of `chat-core` in the copy.
    fn source(&self, file: &str) -> PathBuf {
        self.copy.join("chat-core/src").join(file)
    }

    /// Builds the simulator, and returns the compiler's errors.
    fn build(&self) -> io::Result<Vec<Value>> {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--quiet", "--message-format=json"])
            .args(["--package", "chat-runtime-sim", "--bin", "sim"])
            .arg("--target-dir")
            .arg(&self.build)
            .current_dir(&self.copy)
            .env_remove("CARGO_TARGET_DIR")
            .env("RUSTFLAGS", "-Awarnings")
            // Building takes longer than most mutants live.
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .output()?;
        let messages = String::from_utf8_lossy(&built.stdout).into_owned();
        let messages = messages
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let is_error = |message: &Value| message["message"]["level"] == "error";
        let errors: Vec<Value> = messages.filter(is_error).collect();
        if errors.is_empty() && !built.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&built.stderr)));
        }
        Ok(errors)
    }
}

/// The mutants in whose lines there are errors, and the first of each.
fn guilty(errors: &[Value], lines: &BTreeMap<PathBuf, Lines>) -> BTreeMap<usize, String> {
    let mut guilty = BTreeMap::new();
    for error in errors {
        let spans = error["message"]["spans"].as_array();
        for span in spans.into_iter().flatten() {
            let file = Path::new(span["file_name"].as_str().unwrap_or_default());
            let line = span["line_start"].as_u64();
            let line = line
                .and_then(|line| usize::try_from(line).ok())
                .unwrap_or(0);
            let theirs = lines.get(file).into_iter().flatten();
            for (&number, _) in theirs.filter(|(_, lines)| lines.contains(&line)) {
                guilty.entry(number).or_insert_with(|| text(error));
            }
        }
    }
    guilty
}

/// What the compiler says, in short.
fn text(error: &Value) -> String {
    let text = error["message"]["message"].as_str();
    text.unwrap_or("it does not build").into()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::MUTANTS;

    #[test]
    fn every_mutant_follows_the_library() {
        let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../chat-core/src");
        for mutant in MUTANTS {
            let sound = fs::read_to_string(library.join(mutant.file)).expect("the file is there");
            let added = Stock::new(&sound).and_then(|mut stock| stock.add(0, mutant));
            assert_eq!(added, Ok(()), "{}", mutant.name);
        }
    }
}
