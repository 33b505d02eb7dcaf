//! What became of a request: `$authgear_result` and `$authgear_reason`.
//!
//! What always holds: who was refused once stays refused, whatever an `error_page` makes of it, unless
//! another module admits the request all the same (`satisfy any`). Of two refusals the later counts, of two
//! of a dry run the first, and one that was meant before one of a dry run.

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
pub struct Outcomes {
    settled: Cell<Option<Outcome>>,
    /// That of the location where the request is, while another module may still admit it.
    pending: Cell<Option<Outcome>>,
}

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

    /// What counts of an earlier one and this.
    fn after(self, before: Option<Self>) -> Self {
        match (self, before) {
            (Self::Refused { dry_run: false, .. }, _) => self,
            (Self::Refused { .. }, None | Some(Self::Passed)) => self,
            (_, Some(before)) => before,
            (Self::Passed, None) => self,
        }
    }
}

impl Outcomes {
    pub fn note(&self, outcome: Outcome) {
        self.settled.set(Some(outcome.after(self.last())));
        self.pending.set(None);
    }

    /// One that another module may still undo.
    pub fn note_pending(&self, outcome: Outcome) {
        self.settle();
        self.pending.set(Some(outcome));
    }

    /// Another module has admitted the request; gives whether it was refused here.
    pub fn note_admitted(&self) -> bool {
        let was_refused = self.pending.take().is_some();
        if was_refused {
            self.note(Outcome::Passed);
        }
        was_refused
    }

    /// The request has left the location: nobody admits it there any more.
    pub fn settle(&self) {
        self.settled.set(self.last());
        self.pending.set(None);
    }

    /// Nobody is let in by an earlier verdict any more.
    pub fn forget_passed(&self) {
        self.settle();
        let refused = self.last().filter(|outcome| *outcome != Outcome::Passed);
        self.settled.set(refused);
    }

    pub fn last(&self) -> Option<Outcome> {
        let settled = self.settled.get();
        self.pending
            .get()
            .map_or(settled, |pending| Some(pending.after(settled)))
    }
}
