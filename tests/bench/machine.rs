//! Which core does what.
//!
//! What enters: the cores that this process may use. What leaves: the first for nginx under test, the others
//! for all else. What always holds: with one core, or without `taskset`, nothing is pinned and the run says
//! so.

use std::fs;
use std::process::{Command, Stdio};

/// The machine's cores, by their numbers.
pub struct Machine {
    cores: Vec<usize>,
    pinned: bool,
}

impl Machine {
    /// Looks at the machine and keeps this process, what it has started and what it starts from now on, off
    /// the first core.
    pub fn divide() -> Self {
        let mut machine = Self {
            cores: usable_cores(),
            pinned: false,
        };
        if let [_, others @ ..] = machine.cores.as_slice() {
            machine.pinned = !others.is_empty() && keep_to(std::process::id(), others);
            for child in children() {
                machine.pinned = machine.pinned && keep_to(child, others);
            }
        }
        if !machine.pinned {
            eprintln!("nothing is pinned to a core (that takes taskset and two cores): expect more noise");
        }
        machine
    }

    /// How many cores there are.
    pub fn cores(&self) -> usize {
        self.cores.len()
    }

    /// The words before a command that belongs on nginx's core.
    pub fn for_nginx(&self) -> Vec<String> {
        match (self.pinned, self.cores.first()) {
            (true, Some(core)) => ["taskset", "-c", &core.to_string()].map(str::to_owned).to_vec(),
            _ => Vec::new(),
        }
    }
}

fn keep_to(pid: u32, cores: &[usize]) -> bool {
    let list: Vec<String> = cores.iter().map(ToString::to_string).collect();
    let pinned = Command::new("taskset")
        .args(["-a", "-c", "-p", &list.join(",")])
        .arg(pid.to_string())
        .stdout(Stdio::null())
        .status();
    pinned.is_ok_and(|status| status.success())
}

fn children() -> Vec<u32> {
    let children = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    children
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

fn usable_cores() -> Vec<usize> {
    let status = fs::read_to_string("/proc/self/status").expect("reading this process's status");
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .unwrap_or("0");
    list.trim().split(',').flat_map(core_range).collect()
}

fn core_range(words: &str) -> Vec<usize> {
    let (first, last) = words.split_once('-').unwrap_or((words, words));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) => (first..=last).collect::<Vec<usize>>(),
        _ => Vec::new(),
    }
}
