//! What the fuzzer has found so far, in the order of names: the small inputs that reach most of the code, and
//! those that once crashed.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

fn all_of(target: &str, check: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in ["corpus", "crashes"] {
        let folder = root.join(folder).join(target);
        // There may be none that crashed.
        let entries = fs::read_dir(folder).into_iter().flatten();
        paths.extend(entries.map(|entry| entry.expect("a folder can be read").path()));
    }
    paths.sort();
    assert!(!paths.is_empty(), "there are inputs");
    for path in paths {
        let input = fs::read(&path).expect("an input can be read");
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&input))) {
            eprintln!("with {}", path.display());
            resume_unwind(panic);
        }
    }
}

#[test]
fn lines_are_cut_alike_however_they_come() {
    all_of("lines", crate::lines);
}

#[test]
fn people_get_nothing_but_lines() {
    all_of("text", crate::text);
}

#[test]
fn programs_get_one_answer_to_each_request() {
    all_of("json", crate::json);
}

#[test]
fn both_protocols_share_a_port() {
    all_of("detect", crate::detect);
}

#[test]
fn a_client_comes_to_an_end_with_any_server() {
    all_of("client", crate::client);
}

#[test]
fn all_plans_keep_all_promises() {
    all_of("plan", crate::plan);
}
