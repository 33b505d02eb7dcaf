//! Metrics as text, for who collects them: the text format of Prometheus, version 0.0.4, or the same as JSON.
//!
//! What always holds: a value of a label is escaped, so that nothing in it begins another line; a family is
//! named even where it has no sample.

use std::fmt::Write as _;

use serde_json::{json, Map, Value as Json};

/// The type of the text format.
pub const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The type of the other.
pub const JSON: &str = "application/json";

/// How to read a family's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They only go up.
    Counter,
    /// They go up and down.
    Gauge,
    /// Counts of what took at most so long, with their number and their sum.
    Histogram,
}

/// A number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// As it is.
    Whole(u64),
    /// Written in seconds.
    Milliseconds(u64),
}

/// One number of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// What stands behind the family's name: nothing, but in a histogram.
    pub suffix: &'static str,
    /// Names and values.
    pub labels: Vec<(&'static str, String)>,
    /// The number.
    pub number: Number,
}

/// Numbers of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The name.
    pub name: &'static str,
    /// What they are, in a sentence.
    pub help: &'static str,
    /// How to read them.
    pub kind: Kind,
    /// The numbers.
    pub samples: Vec<Sample>,
}

/// How often something took at most so long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durations {
    /// The bounds in milliseconds, from the shortest on, and how many lie above the one before and not above
    /// this.
    pub buckets: Vec<(u64, u64)>,
    /// How many took longer.
    pub longer: u64,
    /// All of them together, in milliseconds.
    pub sum: u64,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Number {
    fn text(self) -> String {
        match self {
            Self::Whole(number) => number.to_string(),
            Self::Milliseconds(number) => seconds(number),
        }
    }

    fn json(self) -> Json {
        match self {
            Self::Whole(number) => number.into(),
            Self::Milliseconds(number) => seconds(number).parse::<f64>().map_or(Json::Null, Json::from),
        }
    }
}

fn seconds(milliseconds: u64) -> String {
    let text = format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Sample {
    /// One without a suffix.
    #[must_use]
    pub fn of(labels: &[(&'static str, &str)], number: Number) -> Self {
        Self::with("", labels, number)
    }

    fn with(suffix: &'static str, labels: &[(&'static str, &str)], number: Number) -> Self {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned()));
        Self {
            suffix,
            labels: labels.collect(),
            number,
        }
    }
}

impl Durations {
    /// As the samples of a histogram.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        let mut so_far: u64 = 0;
        let mut bucket = |bound: &str, count: u64| {
            so_far = so_far.saturating_add(count);
            samples.push(Sample::with("_bucket", &[("le", bound)], Number::Whole(so_far)));
        };
        for (bound, count) in &self.buckets {
            bucket(&seconds(*bound), *count);
        }
        bucket("+Inf", self.longer);
        samples.push(Sample::with("_sum", &[], Number::Milliseconds(self.sum)));
        samples.push(Sample::with("_count", &[], Number::Whole(so_far)));
        samples
    }
}

/// The text format.
#[must_use]
pub fn text(families: &[Family]) -> String {
    let mut text = String::new();
    for family in families {
        let Family { name, help, .. } = family;
        let kind = family.kind.as_str();
        // Writing to a String cannot fail.
        write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n").unwrap_or_default();
        for Sample {
            suffix,
            labels,
            number,
        } in &family.samples
        {
            text.push_str(name);
            text.push_str(suffix);
            write_labels(&mut text, labels);
            text.push(' ');
            text.push_str(&number.text());
            text.push('\n');
        }
    }
    text
}

fn write_labels(text: &mut String, labels: &[(&'static str, String)]) {
    if labels.is_empty() {
        return;
    }
    let mut before = '{';
    for (name, value) in labels {
        text.push(before);
        text.push_str(name);
        text.push_str("=\"");
        value.chars().for_each(|character| match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        });
        text.push('"');
        before = ',';
    }
    text.push('}');
}

/// The same as JSON: an object that has a member for each family.
#[must_use]
pub fn json(families: &[Family]) -> String {
    let all: Map<_, _> = families
        .iter()
        .map(|family| (family.name.to_owned(), family_json(family)))
        .collect();
    let mut text = Json::Object(all).to_string();
    text.push('\n');
    text
}

fn family_json(family: &Family) -> Json {
    let samples = family.samples.iter().map(|sample| {
        let labels = sample.labels.iter();
        let labels: Map<_, _> = labels
            .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
            .collect();
        let name = format!("{}{}", family.name, sample.suffix);
        json!({ "name": name, "labels": labels, "value": sample.number.json() })
    });
    let samples: Vec<_> = samples.collect();
    json!({ "type": family.kind.as_str(), "help": family.help, "samples": samples })
}

/// Whether who sends this `Accept` asks for JSON in so many words.
#[must_use]
pub fn wants_json(accept: &[u8]) -> bool {
    let mut ranges = accept.split(|byte| *byte == b',');
    ranges.any(|range| {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let is_json = parts
            .next()
            .is_some_and(|kind| kind.eq_ignore_ascii_case(JSON.as_bytes()));
        is_json && !parts.any(is_refusal)
    })
}

/// `q=0`, which says that it is not wanted (RFC 9110, section 12.4.2).
fn is_refusal(parameter: &[u8]) -> bool {
    let [b'q' | b'Q', b'=', weight @ ..] = parameter else {
        return false;
    };
    !weight.iter().any(|byte| matches!(byte, b'1'..=b'9'))
}
