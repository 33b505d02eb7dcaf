//! Carries out, for one request, what `authgear_core::flow` decides. It translates; it decides nothing itself.
//!
//! A request that has to wait is parked, and nginx runs its phases again when what it waits for has come: each such call is a turn.

mod additions;
mod state;

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use authgear_core::credential::Credentials;
use authgear_core::flow::{Action, CredentialSource, Event, Flow, KeySource, Keys, Scene};
use authgear_core::freshness::Said;
use authgear_core::verdict::{Verdict, Why};
use authgear_core::verify::Policy;

use crate::conf::{Location, Site, Unavailable};
use crate::ffi::headers::name::SET_COOKIE;
use crate::ffi::headers::{Survey, Told};
use crate::ffi::park::CannotPark;
use crate::ffi::request::{OutOfMemory, Request};
use crate::ffi::{clock, context, headers};
use crate::flight::Flight;
use crate::handler::{done, Door, Next, INTERNAL_SERVER_ERROR};
use crate::keys::{self, Need, View};
use crate::memory::Recollection;
use crate::question::{Asker, Reply};
use crate::refusal;

pub use state::State;
use state::{Stage, Terms, Walk};

const BAD_REQUEST: u16 = 400;
/// Milliseconds that a request waits for work that others may share; the work itself is given up earlier.
const WAIT: u64 = 6_000;

/// What a parked request has to say when nginx runs its phases.
enum Progress {
    Event(Event),
    /// Still waiting.
    Wait,
    Settled,
    Unknown,
}

/// One call of nginx's about one request, with what is configured for it.
pub struct Turn<'r> {
    pub request: Request<'r>,
    pub location: &'r Location,
    pub policy: &'r Policy,
    pub site: &'r Site,
    pub door: Door,
    /// The request's headers as nginx has them in this call.
    pub survey: Survey<'r>,
    /// Read when they are asked for.
    pub credentials: OnceCell<Credentials<'r>>,
}

impl CredentialSource for Turn<'_> {
    fn credentials(&self) -> &Credentials<'_> {
        self.credentials.get_or_init(|| self.read_credentials())
    }
}

impl<'r> Turn<'r> {
    /// Takes the verdict as far as it goes.
    pub fn take(&self) -> Next {
        if self.survey.has_two_authorizations {
            // RFC 9110 allows one; which of two would the backend believe?
            refusal::log_two_authorizations(self.request, self.location.log_level);
            return Next::Refuse(BAD_REQUEST);
        }
        match context::find(self.request) {
            Some(state) => self.resume(state),
            // Nothing to decide and nothing to remember: the common case of an anonymous request.
            None if self.credentials().is_empty() => done(headers::strip(self.request, &self.survey)),
            None => self.begin(),
        }
    }

    fn read_credentials(&self) -> Credentials<'r> {
        let Survey {
            authorization,
            has_cookies,
            ..
        } = self.survey;
        let allowed = self.policy.allowed;
        if !has_cookies {
            return Credentials::of_authorization(authorization, allowed);
        }
        let cookies = self.request.header("cookie");
        Credentials::read(authorization, cookies, &self.policy.cookie_prefix, allowed)
    }

    fn begin(&self) -> Next {
        let state = State {
            parking: OnceCell::new(),
            owned: Cell::new(false),
            additions: OnceCell::new(),
            walk: RefCell::new(self.walk()),
        };
        match context::attach(self.request, state) {
            Ok(state) => self.advance(state, Event::Begin),
            Err(OutOfMemory) => Next::Refuse(INTERNAL_SERVER_ERROR),
        }
    }

    fn walk(&self) -> Walk {
        Walk {
            terms: self.terms(),
            stage: Stage::Begun,
            flow: Flow::new(),
            keys: Cell::new(None),
        }
    }

    fn resume(&self, state: &State) -> Next {
        if state.walk.borrow().terms != self.terms() {
            state.walk.replace(self.walk());
        }
        match self.progress(state) {
            Progress::Event(event) => self.advance(state, event),
            Progress::Wait => self.park(state),
            Progress::Settled => Next::Continue,
            Progress::Unknown => self.unavailable(state),
        }
    }

    fn progress(&self, state: &State) -> Progress {
        match &state.walk.borrow().stage {
            Stage::Begun => Progress::Event(Event::Begin),
            Stage::Settled => Progress::Settled,
            Stage::Unknown => Progress::Unknown,
            Stage::Asking { flight, alone } => match flight.cargo() {
                Some(reply) => Progress::Event(self.answered(state, reply, *alone)),
                None if state.is_late() => Progress::Event(unanswered(Why::TimedOut, *alone)),
                None => Progress::Wait,
            },
            Stage::Fetching(flight) if flight.cargo().is_none() && !state.is_late() => Progress::Wait,
            Stage::Fetching(_) => Progress::Event(Event::KeysTried),
        }
    }

    /// Steps through the flow until it has to wait or has decided.
    fn advance(&self, state: &State, first: Event) -> Next {
        let mut event = first;
        loop {
            event = match self.step(state, event) {
                Action::Decide(verdict) => return self.decide(state, verdict),
                Action::DecideAndAsk(verdict, subject) => {
                    let next = self.decide(state, verdict);
                    self.asker().ask_in_background(&subject);
                    return next;
                }
                Action::FetchKeys => match self.await_keys(state) {
                    Some(tried) => tried,
                    None => return self.park(state),
                },
                Action::AskAlone(subject) => {
                    match self.await_answer(state, self.asker().ask_alone(&subject), true) {
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
        let mut walk = state.walk.borrow_mut();
        let Walk { flow, keys, .. } = &mut *walk;
        let keys = KeysSeen {
            site: self.site,
            view: OnceCell::new(),
            first: keys,
        };
        let scene = Scene {
            credentials: self,
            policy: self.policy,
            keys: &keys,
            memory: &Recollection::new(self.site, self.location),
            now: clock::unix(),
        };
        flow.step(event, &scene)
    }

    fn terms(&self) -> Terms {
        Terms {
            policy: self.location.policy_digest,
            rules: self.location.rules,
            cache: self.location.cache,
        }
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
        let need = if view.set.is_none() || view.overdue {
            Need::Set
        } else {
            Need::Key
        };
        let under_way = keys::fetch(self.site, need).filter(|flight| flight.cargo().is_none());
        let Some(flight) = under_way else {
            return Some(Event::KeysTried);
        };
        flight.wait(state.parking(self.request).waker());
        state.walk.borrow_mut().stage = Stage::Fetching(flight);
        None
    }

    /// The answer when it is there at once; else the request waits for it.
    fn await_answer(
        &self,
        state: &State,
        asked: Result<Rc<Flight<Reply>>, Why>,
        alone: bool,
    ) -> Option<Event> {
        let flight = match asked {
            Ok(flight) => flight,
            Err(why) => return Some(unanswered(why, alone)),
        };
        if let Some(reply) = flight.cargo() {
            return Some(self.answered(state, reply, alone));
        }
        flight.wait(state.parking(self.request).waker());
        state.walk.borrow_mut().stage = Stage::Asking { flight, alone };
        None
    }

    /// What a reply means to the flow; its cookies go on to the client where that is configured.
    fn answered(&self, state: &State, reply: &Reply, alone: bool) -> Event {
        if self.location.pass_set_cookie && !reply.set_cookies.is_empty() {
            state.additions().add_cookies(&reply.set_cookies);
        }
        match (&reply.said, &reply.reading) {
            (Some(said), _) => Event::Said(said.clone()),
            (None, Err(why)) => unanswered(*why, alone),
            // The configuration that it was asked under is gone, and what it says of the token with it.
            (None, Ok(_)) if alone => unanswered(Why::Abandoned, alone),
            (None, Ok(reading)) => Event::Answered(reading.clone()),
        }
    }

    fn decide(&self, state: &State, verdict: Verdict) -> Next {
        let next = match &verdict {
            Verdict::Valid(session, _) => self.tell(state, Told::Session(session)),
            Verdict::Invalid(reason) => {
                let walk = state.walk.borrow();
                let seen = walk.flow.seen();
                refusal::log_invalid(self.request, self.location.log_level, *reason, seen, self.policy);
                self.tell(state, Told::Invalid)
            }
            Verdict::None => self.tell(state, Told::Nothing),
            Verdict::Unknown(why) => {
                refusal::log_unknown(self.request, self.site, why);
                state.walk.borrow_mut().stage = Stage::Unknown;
                return self.unavailable(state);
            }
        };
        if let Some(additions) = state.additions.get() {
            additions.set_unavailable(false);
        }
        state.walk.borrow_mut().stage = Stage::Settled;
        next
    }

    /// Replaces the whole set of our headers.
    fn tell(&self, state: &State, told: Told<'_>) -> Next {
        let next = done(headers::replace_ours(self.request, &self.survey, told));
        state.owned.set(next == Next::Continue);
        next
    }

    /// No verdict could be had: as configured, but never with an identity.
    fn unavailable(&self, state: &State) -> Next {
        let stripped = self.tell(state, Told::Nothing);
        let refused = match (self.location.unavailable, self.door) {
            (Unavailable::Pass, _) | (Unavailable::Status(_), Door::Precontent) => None,
            (Unavailable::Status(status), Door::Access) => Some(status),
        };
        state.additions().set_unavailable(refused.is_some());
        refused.map_or(stripped, Next::Refuse)
    }

    fn park(&self, state: &State) -> Next {
        match state.parking(self.request).park(WAIT) {
            Ok(()) => Next::Wait,
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

impl KeySource for KeysSeen<'_> {
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
fn unanswered(why: Why, alone: bool) -> Event {
    if alone {
        Event::Said(Said::Unknown(why))
    } else {
        Event::Unanswered(why)
    }
}

/// Whether [`before_answer`] has a look at the answer.
pub fn concerns(request: Request<'_>) -> bool {
    additions::any() && request.is_main()
}

/// The header of an answer is about to be sent: it gets the resolver's cookies, and one that says that no verdict could be had also says when
/// to try again, if its status is still a server's failure.
pub fn before_answer(request: Request<'_>) -> Result<(), OutOfMemory> {
    let Some(additions) = context::find(request).and_then(|state| state.additions.get()) else {
        return Ok(());
    };
    if matches!(request.answer_status(), 500..=599) && additions.take_unavailable() {
        refusal::add_retry_after(request)?;
    }
    for cookie in additions.take_cookies() {
        headers::add_to_answer(request, &SET_COOKIE, &cookie)?;
    }
    Ok(())
}
