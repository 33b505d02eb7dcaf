//! What became of a request: `$authgear_result` and `$authgear_reason`.
//!
//! What always holds: who was refused once stays refused, whatever an `error_page` makes of it; of two
//! refusals the later counts, and one that was meant before one of a dry run.

use std::cell::Cell;

/// What one location made of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It may enter.
    Passed,
    /// It may not, for this reason; or it would not, but for a dry run.
    Refused {
        what: Refused,
        reason: &'static str,
        dry_run: bool,
    },
}

/// Why it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Rejected,
    /// No verdict could be had.
    Unavailable,
}

/// The outcome of a request, once there is one.
#[derive(Default)]
pub struct Outcomes(Cell<Option<Outcome>>);

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "PASSED",
            Self::Refused { what, dry_run, .. } => match (what, dry_run) {
                (Refused::Rejected, false) => "REJECTED",
                (Refused::Rejected, true) => "REJECTED_DRY_RUN",
                (Refused::Unavailable, false) => "UNAVAILABLE",
                (Refused::Unavailable, true) => "UNAVAILABLE_DRY_RUN",
            },
        }
    }

    fn weight(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Refused { dry_run: true, .. } => 1,
            Self::Refused { dry_run: false, .. } => 2,
        }
    }
}

impl Outcomes {
    pub fn note(&self, outcome: Outcome) {
        let before = self.0.get().map_or(0, Outcome::weight);
        if outcome.weight() >= before {
            self.0.set(Some(outcome));
        }
    }

    /// Nobody is let in by an earlier verdict any more.
    pub fn forget_passed(&self) {
        self.0
            .set(self.last().filter(|outcome| *outcome != Outcome::Passed));
    }

    pub fn last(&self) -> Option<Outcome> {
        self.0.get()
    }
}
