//! What callgrind writes.
//!
//! What enters: the text of one of its files. What leaves: instructions, all of them and those of SHA-256.
//! What always holds: a file that is not complete is none.

use std::collections::HashSet;

/// ring's SHA-256, whichever of its variants. valgrind's processor lacks the instructions for it, so it says
/// nothing about a real one.
const DIGEST: &str = "sha256_block_data_order";

/// Instructions of one phase.
#[derive(Clone, Copy, Debug)]
pub struct Dump {
    /// All.
    pub all: u64,
    /// Those of SHA-256.
    pub digest: u64,
}

/// Reads a file; `None` while it is still being written.
pub fn read(text: &str) -> Option<Dump> {
    let all = text.lines().find_map(|line| line.strip_prefix("totals: "))?;
    Some(Dump {
        all: all.trim().parse().ok()?,
        digest: digest(text),
    })
}

/// The own cost of the functions so named: lines `POSITION COST` from one `fn=` to the next, but for the line
/// after `calls=`, which is what a callee cost. A function has its name where its number is first written,
/// and later only the number.
fn digest(text: &str) -> u64 {
    let mut numbers = HashSet::new();
    let (mut inside, mut callee, mut sum) = (false, false, 0);
    for line in text.lines() {
        let named = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn="));
        if let Some((number, name)) = named.map(|named| named.split_once(' ').unwrap_or((named, ""))) {
            if name.contains(DIGEST) {
                numbers.insert(number);
            }
            if line.starts_with("fn=") {
                inside = numbers.contains(number);
            }
        }
        let costs = inside && !callee && line.starts_with(|first: char| "0123456789+-*".contains(first));
        if costs {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok());
            sum += cost.unwrap_or(0);
        }
        callee = line.starts_with("calls=");
    }
    sum
}
