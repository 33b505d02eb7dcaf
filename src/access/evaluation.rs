//! Carries out, for one request, what `authgear_core::flow` decides. It translates; it decides nothing
//! itself.
//!
//! A request that has to wait is parked, and nginx runs its phases again when what it waits for has come: the
//! evaluation then goes on.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use authgear_core::counted::{self, Decided};
use authgear_core::credential::Credentials;
use authgear_core::flow::{Action, CredentialLookup, Event, Inputs, KeyLookup, Keys};
use authgear_core::freshness::TokenAnswer;
use authgear_core::policy::Policy;
use authgear_core::verdict::Why;
use nginx::park::CannotPark;
use nginx::pool::OutOfMemory;
use nginx::request::Request;
use nginx::{clock, context};

use super::outcome::{Outcome, Refused};
use super::state::{Saved, Stage, State, Terms};
use super::{done, Next, VerdictPhase, INTERNAL_SERVER_ERROR};
use crate::conf::{Location, Site};
use crate::identity::{self, HeaderScan};
use crate::keys::{self, Need, View};
use crate::memory::MemoryView;
use crate::metrics;
use crate::question::{Asker, Reply};
use crate::report;
use crate::single_flight::SingleFlight;
use crate::zone;

const BAD_REQUEST: u16 = 400;
/// Milliseconds that a request waits for work that others may share; the work itself is given up earlier.
const WAIT: u64 = 6_000;

/// What a parked request has to say when nginx runs its phases.
enum Progress {
    Event(Event),
    /// Still waiting.
    Wait,
    Settled,
    Unknown(Why),
}

/// One call of nginx's about one request's credentials, with what is configured for it.
pub struct Evaluation<'r> {
    pub request: Request<'r>,
    pub location: &'r Location,
    pub policy: &'r Policy,
    pub site: &'r Site,
    pub phase: VerdictPhase,
    /// The request's headers as nginx has them in this call.
    pub scan: HeaderScan<'r>,
    /// Read when they are asked for.
    pub credentials: OnceCell<Credentials<'r>>,
}

impl CredentialLookup for Evaluation<'_> {
    fn credentials(&self) -> &Credentials<'_> {
        self.credentials.get_or_init(|| self.read_credentials())
    }
}

impl<'r> Evaluation<'r> {
    /// Takes the verdict as far as it goes.
    pub fn run(&self) -> Next {
        if self.scan.has_two_authorizations {
            // RFC 9110 allows one; which of two would the backend believe?
            return self.refuse_two_authorizations();
        }
        match context::find(self.request) {
            Some(state) => self.resume(state),
            // Nothing to decide and nothing to remember: the common case of an anonymous request.
            None if self.credentials().is_empty() => {
                self.count_nobody();
                self.pass_nobody()
            }
            None => self.begin(),
        }
    }

    /// Says and counts it once a request. A dry run refuses nobody, and passes nobody on as somebody.
    fn refuse_two_authorizations(&self) -> Next {
        let state = self.state().ok();
        if !state.is_some_and(|state| state.said_two_authorizations.replace(true)) {
            report::log_two_authorizations(self.request, self.location.log_level);
            metrics::count_refused(self.site, counted::Refused::TwoAuthorizations);
        }
        if let Some(state) = state {
            state.forget();
            self.note_two_authorizations(state);
        }
        match self.location.dry_run {
            true => done(identity::strip(self.request, &self.scan)),
            false => Next::Refuse(BAD_REQUEST),
        }
    }

    fn note_two_authorizations(&self, state: &State) {
        if self.may_refuse() {
            state.outcomes.note(Outcome::Refused {
                what: Refused::Rejected,
                reason: report::TWO_AUTHORIZATIONS,
                dry_run: self.location.dry_run,
            });
        } else if self.phase == VerdictPhase::Precontent {
            state.outcomes.note(Outcome::Passed);
        }
    }

    fn pass_nobody(&self) -> Next {
        if self.passes() {
            context::mark_passed(self.request);
        }
        done(identity::strip(self.request, &self.scan))
    }

    /// Whether a verdict is all that is asked for.
    pub fn passes(&self) -> bool {
        match self.phase {
            VerdictPhase::Preaccess => false,
            VerdictPhase::Access => self.location.require.is_none(),
            VerdictPhase::Precontent => true,
        }
    }

    /// Whether a refusal of this phase is the request's: another rule may still admit it, or has done so.
    pub fn may_refuse(&self) -> bool {
        match self.phase {
            VerdictPhase::Preaccess => self.request.satisfies_all(),
            VerdictPhase::Access => true,
            VerdictPhase::Precontent => false,
        }
    }

    fn read_credentials(&self) -> Credentials<'r> {
        let HeaderScan {
            authorization,
            has_cookies,
            ..
        } = self.scan;
        let allowed = self.policy.allowed;
        let credentials = match has_cookies {
            false => Credentials::of_authorization(authorization, allowed),
            true => {
                let cookies = self.request.header("cookie");
                Credentials::read(authorization, cookies, &self.policy.cookie_prefix, allowed)
            }
        };
        match self.location.token {
            None => credentials,
            Some(variable) => credentials.after(variable.value(self.request), allowed),
        }
    }

    fn begin(&self) -> Next {
        match self.state() {
            Ok(state) => self.advance(state, Event::Begin),
            Err(OutOfMemory) => Next::Refuse(INTERNAL_SERVER_ERROR),
        }
    }

    /// The request's; a new one where it has none yet.
    fn state(&self) -> Result<&'r State, OutOfMemory> {
        let new = || State::new(Saved::begun(self.location));
        context::find(self.request).map_or_else(|| context::attach(self.request, new()), Ok)
    }

    fn resume(&self, state: &State) -> Next {
        state.waited.end();
        if state.saved.borrow().terms != Terms::of(self.location) {
            state.saved.replace(Saved::begun(self.location));
        }
        match self.progress(state) {
            Progress::Event(event) => self.advance(state, event),
            Progress::Wait => self.park(state),
            Progress::Settled => {
                if self.passes() {
                    state.outcomes.note(Outcome::Passed);
                }
                Next::Continue
            }
            Progress::Unknown(why) => self.unavailable(state, why),
        }
    }

    fn progress(&self, state: &State) -> Progress {
        match &state.saved.borrow().stage {
            Stage::Begun => Progress::Event(Event::Begin),
            Stage::Settled(_) => Progress::Settled,
            Stage::Unknown(why) => Progress::Unknown(*why),
            Stage::Asking { flight, about_token } => match flight.result() {
                Some(reply) => Progress::Event(self.answered(state, reply, *about_token)),
                None if state.is_late() => Progress::Event(unanswered(Why::TimedOut, *about_token)),
                None => Progress::Wait,
            },
            Stage::Fetching(flight) if flight.result().is_none() && !state.is_late() => Progress::Wait,
            Stage::Fetching(_) => Progress::Event(Event::KeysTried),
        }
    }

    /// Steps through the flow until it has to wait or has decided.
    fn advance(&self, state: &State, first: Event) -> Next {
        let mut event = first;
        loop {
            event = match self.step(state, event) {
                Action::Decide(verdict) => return self.decide(state, verdict),
                Action::DecideAndAsk(verdict, asked_token) => {
                    let next = self.decide(state, verdict);
                    self.asker().ask_in_background(&asked_token);
                    return next;
                }
                Action::FetchKeys => match self.await_keys(state) {
                    Some(tried) => tried,
                    None => return self.park(state),
                },
                Action::AskAboutToken(asked_token) => {
                    match self.await_answer(state, self.asker().ask_about_token(&asked_token), true) {
                        Some(answer) => answer,
                        None => return self.park(state),
                    }
                }
                Action::Ask(question) => match self.await_answer(state, self.asker().ask(question), false) {
                    Some(answer) => answer,
                    None => return self.park(state),
                },
            }
        }
    }

    fn step(&self, state: &State, event: Event) -> Action {
        if self.location.token.is_some() {
            // The variable may depend on one of ours, which looks at the state.
            self.credentials();
        }
        let mut saved = state.saved.borrow_mut();
        let Saved {
            flow, keys, token, ..
        } = &mut *saved;
        let keys = KeysSeen {
            site: self.site,
            view: OnceCell::new(),
            first: keys,
        };
        zone::with(|zone| {
            let memory = MemoryView::new(self.site, self.location, zone);
            let inputs = Inputs {
                credentials: self,
                policy: self.policy,
                keys: &keys,
                memory: &memory,
                now: clock::unix(),
            };
            let action = flow.step(event, &inputs);
            *token = memory.last_token().or(*token);
            action
        })
    }

    fn asker(&self) -> Asker<'r> {
        Asker {
            request: self.request,
            site: self.site,
            location: self.location,
        }
    }

    /// Has keys fetched; the request waits for them unless that is over at once.
    fn await_keys(&self, state: &State) -> Option<Event> {
        let view = keys::view(self.site);
        let seen = state.saved.borrow().keys.get();
        let is_another = seen.is_some_and(|version| version != view.version);
        if is_another && view.set.is_some() && !view.overdue {
            // Another worker has brought it since the request looked.
            return Some(Event::KeysTried);
        }
        let need = if view.set.is_none() || view.overdue {
            Need::Set
        } else {
            Need::Key
        };
        let under_way = keys::fetch(self.site, need).filter(|flight| flight.result().is_none());
        let Some(flight) = under_way else {
            return Some(Event::KeysTried);
        };
        flight.wait(state.parking(self.request).waker());
        state.saved.borrow_mut().stage = Stage::Fetching(flight);
        None
    }

    /// The answer when it is there at once; else the request waits for it.
    fn await_answer(
        &self,
        state: &State,
        asked: Result<Rc<SingleFlight<Reply>>, Why>,
        about_token: bool,
    ) -> Option<Event> {
        let flight = match asked {
            Ok(flight) => flight,
            Err(why) => return Some(unanswered(why, about_token)),
        };
        if let Some(reply) = flight.result() {
            return Some(self.answered(state, reply, about_token));
        }
        flight.wait(state.parking(self.request).waker());
        state.saved.borrow_mut().stage = Stage::Asking { flight, about_token };
        None
    }

    /// What a reply means to the flow; its cookies go on to the client where that is configured.
    fn answered(&self, state: &State, reply: &Reply, about_token: bool) -> Event {
        if self.location.pass_set_cookie && !reply.set_cookies.is_empty() {
            state.additions().add_cookies(&reply.set_cookies);
        }
        match (&reply.token_answer, &reply.reading) {
            (Some(answer), _) => Event::TokenAnswered(answer.clone()),
            (None, Err(why)) => unanswered(*why, about_token),
            // The configuration that it was asked under is gone, and what it says of the token with it.
            (None, Ok(_)) if about_token => unanswered(Why::Abandoned, about_token),
            (None, Ok(reading)) => Event::Answered(reading.clone()),
        }
    }

    /// A request without a credential: nothing is kept of it, so a phase that it meets once counts it. An
    /// internal redirect is no request of its own.
    fn count_nobody(&self) {
        let is_last = match self.phase {
            VerdictPhase::Preaccess => false,
            VerdictPhase::Access => self.request.satisfies_all(),
            VerdictPhase::Precontent => true,
        };
        if is_last && !context::is_redirected(self.request) {
            metrics::count_decided(self.site, Decided::Nobody);
        }
    }

    fn park(&self, state: &State) -> Next {
        match state.parking(self.request).park(self.request, WAIT) {
            Ok(()) => {
                state.waited.begin();
                Next::Wait
            }
            Err(CannotPark) => Next::Refuse(INTERNAL_SERVER_ERROR),
        }
    }
}

/// The key set as a request sees it, which most questions are asked without.
struct KeysSeen<'r> {
    site: &'r Site,
    view: OnceCell<View>,
    /// The set's version when the request first looked.
    first: &'r Cell<Option<u64>>,
}

impl KeyLookup for KeysSeen<'_> {
    fn keys(&self, tried: bool) -> Keys<'_> {
        let view = self.view.get_or_init(|| keys::view(self.site));
        let first = self.first.get().unwrap_or(view.version);
        self.first.set(Some(first));
        Keys {
            set: view.set.as_deref().filter(|_| tried || !view.overdue),
            current: keys::is_fixed(self.site) || view.version != first,
        }
    }
}

/// Nobody answered, and why.
fn unanswered(why: Why, about_token: bool) -> Event {
    if about_token {
        Event::TokenAnswered(TokenAnswer::Unknown(why))
    } else {
        Event::Unanswered(why)
    }
}
