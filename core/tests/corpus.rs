//! Replays the corpus of the fuzz targets, so that what fuzzing once found stays found without a fuzzer.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

#[path = "../../fuzz/checks.rs"]
mod checks;

use std::fs;
use std::path::Path;

/// Each input through its target; a failing check panics, and the input's name stands before it.
fn replay(target: &str, least: usize, check: impl Fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut replayed = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        eprintln!("{}", path.display());
        check(&fs::read(&path).unwrap());
        replayed += 1;
    }
    assert!(replayed >= least, "{target}: only {replayed} inputs");
}

#[test]
fn every_token_of_the_corpus_is_judged_as_what_it_is() {
    replay("token", 40, checks::token);
}

#[test]
fn every_key_set_of_the_corpus_is_read_whole_or_not_at_all() {
    replay("jwks", 30, checks::jwks);
}

#[test]
fn every_request_of_the_corpus_is_asked_about_as_it_was_read() {
    replay("cookies", 25, checks::cookies);
}

#[test]
fn every_evaluation_of_the_corpus_ends() {
    replay("flow", 50, checks::evaluation::flow);
}

#[test]
fn every_record_of_the_corpus_is_read_as_one_thing_or_nothing() {
    replay("record", 25, checks::record);
}
