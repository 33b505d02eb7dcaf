//! What a run says.
//!
//! What enters: the figures of all rounds and the counted instructions. What leaves: a table for people, the
//! same for machines. What always holds: a ratio is between two rows of one round; of the machine only the
//! number of its cores is told.

use std::collections::BTreeMap;

use serde_json::{json, Map, Value};

use crate::instructions::{Counter, Instructions};
use crate::load::CONNECTIONS;
use crate::options::Options;
use crate::rounds::Figures;
use crate::rows::{Row, A};
use crate::statistics::{spread, Spread};

/// A run that is over.
pub struct Report<'a> {
    /// How it was to be.
    pub options: &'a Options,
    /// What was measured.
    pub rows: &'a [Row],
    /// Figures of each round, in the rows' order.
    pub rounds: Vec<Vec<Figures>>,
    /// Who counted instructions, and what, by the rows' names.
    pub instructions: Option<(Counter, BTreeMap<String, Instructions>)>,
    /// The machine's cores.
    pub cores: usize,
    /// nginx's version.
    pub nginx: String,
}

/// A row over all rounds.
struct Summary {
    cpu: f64,
    cpu_ratio: Spread,
    per_second: f64,
    per_second_ratio: f64,
    p50: f64,
    p99: f64,
    /// Its own, and those of what it is compared with.
    instructions: Option<(Instructions, Instructions)>,
}

impl Report<'_> {
    /// The table, what has to be known to read it, and one line that sums up.
    pub fn text(&self) -> String {
        let mut lines = vec![
            "| row | CPU, us | CPU / A (quartiles) | requests/s / A | p50, ms | p99, ms | instructions (/ A); without SHA-256 |"
                .to_owned(),
            "| --- | --- | --- | --- | --- | --- | --- |".to_owned(),
        ];
        lines.extend(self.rows.iter().enumerate().map(|(at, row)| self.line(at, row)));
        lines.push(String::new());
        lines.extend(self.notes());
        lines.push(String::new());
        lines.push(self.last_line());
        lines.join("\n")
    }

    fn line(&self, at: usize, row: &Row) -> String {
        let summary = self.summary(at);
        let Summary {
            cpu,
            cpu_ratio: Spread { lower, median, upper },
            per_second_ratio,
            p50,
            p99,
            ..
        } = summary;
        let instructions = summary.instructions.map(|(own, base)| told(own, base));
        let [cpu, ratio, per_second] = if row.waits() {
            Default::default()
        } else if row.is_baseline() {
            [format!("{cpu:.1}"), "1".to_owned(), "1".to_owned()]
        } else {
            [
                format!("{cpu:.1}"),
                format!("{median:.2} ({lower:.2}-{upper:.2})"),
                format!("{per_second_ratio:.2}"),
            ]
        };
        let cells = [
            row.title.clone(),
            cpu,
            ratio,
            per_second,
            format!("{p50:.2}"),
            format!("{p99:.2}"),
            instructions.unwrap_or_default(),
        ];
        format!("| {} |", cells.join(" | "))
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![
            "CPU is the worker's own time for a request. Each ratio is to A with the same requests (one JWT of 1.2 KB, many in turn, no credential, opaque tokens) in the same round."
                .to_owned(),
            "With 10,000 live tokens and `authgear_revalidate` on, one in 60 falls due in each second, as in steady use.".to_owned(),
        ];
        let by = match self.instructions {
            Some((Counter::Callgrind, _)) => {
                "valgrind, which hides the SHA and ADX instructions: a token's digest and a verification seem dearer than they are"
            }
            Some((Counter::Perf, _)) => "the processor",
            None => return notes,
        };
        notes.push(format!(
            "Instructions are nginx's own for a request, without the kernel's, which takes most of A's time; counted by {by}."
        ));
        notes
    }

    fn last_line(&self) -> String {
        let named = |name: &str| self.rows.iter().position(|row| row.name == name);
        let noise = named("a-again").map(|at| {
            let Spread { lower, median, upper } = self.summary(at).cpu_ratio;
            format!(", A against itself {median:.2} ({lower:.2}-{upper:.2})")
        });
        let a = named(A).map(|at| {
            let Summary { cpu, per_second, .. } = self.summary(at);
            format!("; A takes {cpu:.1} us, {per_second:.0} requests/s")
        });
        format!(
            "bench: {} rows, medians of rounds ({} x {} s), {CONNECTIONS} connections, {}, {} cores{}{}",
            self.rows.len(),
            self.options.rounds,
            self.options.seconds,
            self.nginx,
            self.cores,
            a.unwrap_or_default(),
            noise.unwrap_or_default()
        )
    }

    fn summary(&self, at: usize) -> Summary {
        let row = &self.rows[at];
        let compared = row.load.compared_with();
        let base = self.rows.iter().position(|row| row.name == compared);
        let base = base.expect("what the row is compared with");
        let over =
            |figure: fn(&Figures) -> f64| spread(self.rounds.iter().map(move |round| figure(&round[at])));
        let ratio = |figure: fn(&Figures) -> f64| {
            spread(
                self.rounds
                    .iter()
                    .map(move |round| figure(&round[at]) / figure(&round[base])),
            )
        };
        Summary {
            cpu: over(|figures| figures.cpu).median,
            cpu_ratio: ratio(|figures| figures.cpu),
            per_second: over(|figures| figures.per_second).median,
            per_second_ratio: ratio(|figures| figures.per_second).median,
            p50: over(|figures| figures.p50).median,
            p99: over(|figures| figures.p99).median,
            instructions: self.instructions_of(&row.name, compared),
        }
    }

    fn instructions_of(&self, row: &str, compared: &str) -> Option<(Instructions, Instructions)> {
        let (_, counted) = self.instructions.as_ref()?;
        Some((*counted.get(row)?, *counted.get(compared)?))
    }

    /// The same for a machine: everything that was measured, and the medians.
    pub fn json(&self) -> Value {
        let rounds: Vec<Value> = self.rounds.iter().map(|round| self.round_json(round)).collect();
        let medians: Map<String, Value> = self
            .rows
            .iter()
            .enumerate()
            .map(|(at, row)| (row.name.clone(), self.summary(at).json(row)))
            .collect();
        json!({
            "cores": self.cores,
            "nginx": self.nginx,
            "seconds": self.options.seconds,
            "connections": CONNECTIONS,
            "instructions_by": self.instructions.as_ref().map(|(counter, _)| format!("{counter:?}").to_lowercase()),
            "medians": medians,
            "rounds": rounds,
        })
    }

    fn round_json(&self, round: &[Figures]) -> Value {
        let rows = self.rows.iter().zip(round);
        rows.map(|(row, figures)| (row.name.clone(), figures.json()))
            .collect::<Map<_, _>>()
            .into()
    }
}

/// Thousands of instructions and their ratio; where valgrind counted and a digest is among them, also without
/// it.
fn told(own: Instructions, base: Instructions) -> String {
    let of = |count: f64| format!("{:.1}k ({:.3})", count / 1000.0, count / base.all);
    match own.without_digest {
        Some(rest) if own.all - rest > 1.0 => format!("{}; {}", of(own.all), of(rest)),
        _ => of(own.all),
    }
}

impl Figures {
    fn json(&self) -> Value {
        json!({
            "cpu_us": self.cpu,
            "requests_per_second": self.per_second,
            "p50_ms": self.p50,
            "p99_ms": self.p99,
            "requests": self.requests,
            "questions": self.questions,
        })
    }
}

impl Summary {
    fn json(&self, row: &Row) -> Value {
        json!({
            "title": row.title,
            "compared_with": row.load.compared_with(),
            "cpu_us": self.cpu,
            "cpu_ratio": {"lower": self.cpu_ratio.lower, "median": self.cpu_ratio.median, "upper": self.cpu_ratio.upper},
            "requests_per_second": self.per_second,
            "requests_per_second_ratio": self.per_second_ratio,
            "p50_ms": self.p50,
            "p99_ms": self.p99,
            "instructions": self.instructions.map(|(own, _)| own.all),
            "instructions_ratio": self.instructions.map(|(own, base)| own.all / base.all),
            "instructions_without_digest": self.instructions.and_then(|(own, _)| own.without_digest),
        })
    }
}
