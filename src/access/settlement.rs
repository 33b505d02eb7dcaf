//! Carries a verdict out: the headers for the backend, the count, and the line in the log where it is bad.
//!
//! Without a verdict a request gets what is configured for that, and never an identity.

use authgear_core::basis::Basis;
use authgear_core::counted::{self, Decided};
use authgear_core::verdict::{Verdict, Why};

use super::evaluation::Evaluation;
use super::outcome::{Outcome, Refused};
use super::state::{Stage, State};
use super::{done, Next, VerdictPhase};
use crate::conf::Unavailable;
use crate::identity::{self, Identity};
use crate::metrics;
use crate::report;

impl Evaluation<'_> {
    fn count(&self, state: &State, verdict: &Verdict) {
        if !state.counted.replace(true) {
            metrics::count_decided(self.site, Decided::of(verdict, || state.is_machine()));
        }
    }

    /// Carries a verdict out.
    pub fn decide(&self, state: &State, verdict: Verdict) -> Next {
        self.count(state, &verdict);
        let next = match &verdict {
            Verdict::Valid(session, _) => self.set_identity(state, Identity::Session(session)),
            Verdict::Invalid(_) if state.is_machine() => self.set_machine(state),
            Verdict::Invalid(reason) => {
                metrics::count_refused(self.site, counted::Refused::Credential(*reason));
                let saved = state.saved.borrow();
                let refused_token = saved.flow.refused_token();
                report::log_invalid(
                    self.request,
                    self.location.log_level,
                    *reason,
                    refused_token,
                    self.policy,
                );
                self.set_identity(state, Identity::Invalid)
            }
            Verdict::None => self.set_identity(state, Identity::Nothing),
            Verdict::Unknown(why) => {
                report::log_unknown(self.request, self.site, why);
                metrics::count_refused(self.site, counted::Refused::NoVerdict(*why));
                state.saved.borrow_mut().stage = Stage::Unknown(*why);
                return self.unavailable(state, *why);
            }
        };
        if let Some(additions) = state.additions.get() {
            additions.set_unavailable(false);
        }
        if self.passes() {
            state.outcomes.note(Outcome::Passed);
        }
        state.saved.borrow_mut().stage = Stage::Settled(verdict);
        next
    }

    /// A machine, where such are admitted.
    fn set_machine(&self, state: &State) -> Next {
        let saved = state.saved.borrow();
        match saved.flow.basis() {
            Some(Basis::Machine(_, machine)) => self.set_identity(state, Identity::Machine(machine)),
            Some(Basis::Token(..) | Basis::Resolver(_)) | None => self.set_identity(state, Identity::Invalid),
        }
    }

    /// Replaces the whole set of our headers.
    fn set_identity(&self, state: &State, identity: Identity<'_>) -> Next {
        let next = done(identity::set(self.request, &self.scan, identity));
        state.owned.set(next == Next::Continue);
        next
    }

    /// No verdict could be had: as configured, but never with an identity.
    pub fn unavailable(&self, state: &State, why: Why) -> Next {
        let stripped = self.set_identity(state, Identity::Nothing);
        let refused = match self.location.unavailable {
            Unavailable::Status(status) if self.may_refuse() => Some(status),
            Unavailable::Status(_) | Unavailable::Pass => None,
        };
        match refused {
            None if self.phase == VerdictPhase::Preaccess => {}
            None => state.outcomes.note(Outcome::Passed),
            Some(_) => state.outcomes.note(Outcome::Refused {
                what: Refused::Unavailable,
                reason: why.as_str(),
                dry_run: self.location.dry_run,
            }),
        }
        let refused = refused.filter(|_| !self.location.dry_run);
        state.additions().set_unavailable(refused.is_some());
        refused.map_or(stripped, Next::Refuse)
    }
}
