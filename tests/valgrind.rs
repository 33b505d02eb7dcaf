//! A scenario under valgrind.
//!
//! What enters: a setup and a scenario. What leaves: nothing but a failure, with each thing that valgrind
//! found in our code. What always holds: valgrind came to its end for each process, or is not installed and
//! nothing was looked at.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::fixture::Fixture;
use crate::setup::Setup;

/// Runs under valgrind, which must find nothing in our code; at least one reload is part of the scenario.
pub fn watched(setup: Setup, scenario: impl FnOnce(&mut Fixture)) {
    if Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        println!("valgrind is not installed: nothing was looked at");
        return;
    }
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "authgear-scenario-valgrind-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let reports = std::env::temp_dir().join(name);
    fs::create_dir_all(&reports).unwrap();
    let log = format!("--log-file={}/%p", reports.display());
    let wrapper = [
        "valgrind",
        "--leak-check=full",
        "--show-leak-kinds=definite",
        "--num-callers=40",
        &log,
    ];
    setup.under(&wrapper).run(scenario);
    let found: Vec<String> = fs::read_dir(&reports)
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    fs::remove_dir_all(&reports).unwrap();
    assert!(found.len() >= 3, "a master and two workers, not {}", found.len());
    for report in &found {
        assert!(
            report.contains("ERROR SUMMARY"),
            "valgrind did not come to its end:\n{report}"
        );
        let ours: Vec<&str> = errors(report)
            .filter(|error| error.contains("authgear") || error.contains("Invalid"))
            .collect();
        assert!(ours.is_empty(), "{}", ours.join("\n"));
    }
}

/// The blocks of a report that have a stack.
fn errors(report: &str) -> impl Iterator<Item = &str> {
    report.split("== \n").filter(|block| block.contains("   at 0x"))
}
