//! What telling who is calling costs: the module beside `auth_request`, against nginx without authentication.
//! `scripts/bench` runs it.
//!
//! What enters: options, and the three environment variables of the scenarios. What leaves: a table on
//! stdout, progress on stderr. What always holds: whatever is started is stopped; a row that does not do what
//! it says ends the run without a table.
//!
//! - [`options`]: the command line
//! - [`rows`]: what is measured, [`configuration`] as nginx reads it, [`credentials`] that the requests carry
//! - [`environment`]: what stands around nginx, [`machine`] on which core, [`proxy`] the nginx itself
//! - [`load`]: the requests, [`rounds`] of them by the clock, [`instructions`] for one, as [`callgrind`] has
//!   it
//! - [`statistics`], [`report`]: what comes of it

mod callgrind;
mod configuration;
mod credentials;
mod environment;
mod instructions;
mod load;
mod machine;
mod options;
mod proxy;
mod report;
mod rounds;
mod rows;
mod statistics;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};

use authgear_scenarios::setting;

use crate::environment::Environment;
use crate::instructions::{affordable, Amounts, Counter, Instructions};
use crate::options::Options;
use crate::report::Report;
use crate::rows::{rows, Row};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let chosen = Options::read(&words).and_then(|options| Ok((wanted(&options)?, options)));
    match chosen {
        Ok((rows, options)) => {
            bench(&rows, &options);
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The rows that the options name, and those that they are compared with.
fn wanted(options: &Options) -> Result<Vec<Row>, String> {
    let all = rows(options.live);
    if let Some(unknown) = options
        .only
        .iter()
        .find(|name| !all.iter().any(|row| row.name == **name))
    {
        let names: Vec<&str> = all.iter().map(|row| row.name.as_str()).collect();
        return Err(format!("no row {unknown}; there are {}", names.join(", ")));
    }
    let named = |row: &Row| options.only.is_empty() || options.only.contains(&row.name);
    let compared: Vec<&str> = all
        .iter()
        .filter(|row| named(row))
        .map(|row| row.load.compared_with())
        .collect();
    let rows = all
        .iter()
        .filter(|row| named(row) || compared.contains(&row.name.as_str()));
    Ok(rows.cloned().collect())
}

fn bench(rows: &[Row], options: &Options) {
    let environment = Environment::open(rows);
    let report = Report {
        options,
        rows,
        rounds: rounds::run(&environment, rows, options),
        instructions: options
            .instructions
            .then(|| count(&environment, rows, options.quick))
            .flatten(),
        cores: environment.machine.cores(),
        nginx: version(),
    };
    println!("{}", report.text());
    if let Some(path) = &options.json {
        std::fs::write(path, format!("{:#}\n", report.json())).expect("writing the machine-readable copy");
    }
}

fn count(
    environment: &Environment,
    rows: &[Row],
    quick: bool,
) -> Option<(Counter, BTreeMap<String, Instructions>)> {
    let Some(counter) = Counter::available() else {
        eprintln!("neither perf nor valgrind can count instructions here");
        return None;
    };
    let counted = rows
        .iter()
        .filter(|row| row.counted && affordable(counter, row, quick));
    let figures = counted.map(|row| {
        eprintln!("instructions: {}", row.name);
        let figure = counter.count(environment, row, Amounts::for_run(quick));
        (row.name.clone(), figure)
    });
    Some((counter, figures.collect()))
}

/// `nginx/` and its number.
fn version() -> String {
    let said = Command::new(setting("AUTHGEAR_NGINX"))
        .arg("-v")
        .output()
        .expect("asking nginx for its version")
        .stderr;
    let said = String::from_utf8_lossy(&said).into_owned();
    let version = said.trim().rsplit(": ").next().unwrap_or_default();
    version.to_owned()
}
