//! The words of `$authgear_reason`: docs/variables.md has all of them, and no other.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What the module says beside core.
const OF_THE_MODULE: &str = "two_authorizations";

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The words that a file's `as_str` functions give.
fn words_in(source: &str) -> BTreeSet<String> {
    let words = source.lines().filter_map(|line| {
        let (_, word) = line.split_once(" => \"")?;
        word.strip_suffix("\",").map(str::to_owned)
    });
    words.collect()
}

fn documented() -> BTreeSet<String> {
    let document = text("../docs/variables.md");
    let (_, table) = document.split_once("### Reasons").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let words = rows.flat_map(|row| row.split('|').nth(1).unwrap_or_default().split_whitespace());
    words
        .map(|word| word.trim_matches('`').to_owned())
        .filter(|word| !word.starts_with('$'))
        .collect()
}

#[test]
fn the_document_has_each_reason_and_no_other() {
    let mut words = words_in(&text("src/verdict.rs"));
    words.append(&mut words_in(&text("src/require/refusal.rs")));
    assert!(words.len() > 40, "{words:?}");
    words.insert(OF_THE_MODULE.to_owned());
    assert_eq!(documented(), words);
}
