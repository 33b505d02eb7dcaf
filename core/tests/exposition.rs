//! The text that collectors of metrics read, and the lists of what is counted.

use std::collections::HashSet;

use authgear_core::counted::{Asked, Decided, Fetched, Refused};
use authgear_core::exposition::{json, text, wants_json, Durations, Family, Kind, Number, Sample};
use authgear_core::require::Denial;
use authgear_core::verdict::Reason;

fn family(kind: Kind, samples: Vec<Sample>) -> Family {
    Family {
        name: "things",
        help: "Things.",
        kind,
        samples,
    }
}

#[test]
fn a_label_is_escaped_and_begins_no_other_line() {
    let samples = vec![Sample::of(
        &[("a", "x\"\\y\nfake 1"), ("b", "")],
        Number::Whole(7),
    )];
    let expected =
        "# HELP things Things.\n# TYPE things counter\nthings{a=\"x\\\"\\\\y\\nfake 1\",b=\"\"} 7\n";
    assert_eq!(text(&[family(Kind::Counter, samples)]), expected);
}

#[test]
fn a_family_without_samples_is_named() {
    assert_eq!(
        text(&[family(Kind::Gauge, Vec::new())]),
        "# HELP things Things.\n# TYPE things gauge\n"
    );
}

#[test]
fn the_buckets_of_a_histogram_add_up() {
    let durations = Durations {
        buckets: vec![(1, 2), (2500, 3)],
        longer: 4,
        sum: 12_034,
    };
    let expected = "# HELP things Things.\n# TYPE things histogram\n\
        things_bucket{le=\"0.001\"} 2\nthings_bucket{le=\"2.5\"} 5\nthings_bucket{le=\"+Inf\"} 9\n\
        things_sum 12.034\nthings_count 9\n";
    assert_eq!(text(&[family(Kind::Histogram, durations.samples())]), expected);
}

#[test]
fn json_has_the_same_numbers() {
    let samples = vec![Sample::of(&[("a", "\"\n")], Number::Milliseconds(1_500))];
    let expected = "{\"things\":{\"help\":\"Things.\",\"samples\":[{\"labels\":{\"a\":\"\\\"\\n\"},\
        \"name\":\"things\",\"value\":1.5}],\"type\":\"gauge\"}}\n";
    assert_eq!(json(&[family(Kind::Gauge, samples)]), expected);
}

#[test]
fn json_is_for_who_names_it() {
    for accept in ["application/json", "text/html, Application/JSON;q=0.9"] {
        assert!(wants_json(accept.as_bytes()), "{accept}");
    }
    for accept in [
        "",
        "*/*",
        "application/*",
        "application/json; q=0.00",
        "application/jsonl",
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    ] {
        assert!(!wants_json(accept.as_bytes()), "{accept}");
    }
}

/// The places are 0, 1, 2, ..., and each word stands once.
fn are_in_order<T: Copy, W: std::hash::Hash + Eq>(
    all: impl Iterator<Item = T>,
    count: usize,
    place: impl Fn(T) -> usize,
    word: impl Fn(T) -> W,
) {
    let all: Vec<_> = all.collect();
    let places: Vec<_> = all.iter().map(|each| place(*each)).collect();
    assert_eq!(places, (0..count).collect::<Vec<_>>());
    let words: HashSet<_> = all.iter().map(|each| word(*each)).collect();
    assert_eq!(words.len(), count);
}

#[test]
fn each_value_has_a_place_and_a_word_of_its_own() {
    are_in_order(Decided::all(), Decided::COUNT, Decided::place, Decided::words);
    are_in_order(Refused::all(), Refused::COUNT, Refused::place, Refused::as_str);
    are_in_order(Asked::all(), Asked::COUNT, Asked::place, Asked::as_str);
    are_in_order(Fetched::all(), Fetched::COUNT, Fetched::place, Fetched::as_str);
}

#[test]
fn a_bad_credential_is_counted_in_one_place_whoever_refuses_it() {
    let reason = Reason::Expired;
    assert_eq!(
        Refused::Access(Denial::Invalid(reason)).place(),
        Refused::Credential(reason).place()
    );
}
