//! The suite knows all that `docs/PROTOCOL.md` lists of the JSON protocol: whoever adds a request, an event or a code
//! there has to let programs meet it on every runtime.

use std::fs;
use std::path::Path;

/// The first cells of the rows of the first table in a section.
fn listed(page: &str, section: &str) -> Vec<String> {
    let heading = format!("\n## {section}\n");
    let (_, rest) = page.split_once(&heading).expect("a section of that name");
    let rows = rest
        .lines()
        .skip_while(|line| !line.starts_with("| --- "))
        .skip(1)
        .take_while(|line| line.starts_with("| "));
    let names = rows.filter_map(|row| row.split('`').nth(1));
    let names: Vec<_> = names.map(str::to_owned).collect();
    assert!(names.len() >= 10, "only {names:?} in {section}");
    names
}

/// All that the cases of the suite consist of.
fn cases(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("the sources of the suite");
    let sources = entries.map(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return cases(&path);
        }
        let source = fs::read_to_string(&path).expect("a source");
        // Its own list of events proves nothing.
        let is_list = path.ends_with("json/program.rs");
        if is_list { String::new() } else { source }
    });
    sources.collect()
}

#[test]
fn programs_meet_every_request_event_and_code_of_the_page() {
    let page = include_str!("../../docs/PROTOCOL.md");
    let cases = cases(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/chat")));
    for section in ["Requests", "Events", "Error codes", "Closing codes"] {
        let missing: Vec<_> = listed(page, section)
            .into_iter()
            .filter(|name| !cases.contains(&format!("\"{name}\"")))
            .collect();
        assert!(
            missing.is_empty(),
            "no case about {missing:?} of {section:?}"
        );
    }
}
