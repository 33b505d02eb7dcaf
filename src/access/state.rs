//! What is remembered of one request between nginx's calls, and over internal redirects.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use authgear_core::basis::Basis;
use authgear_core::claim_text::ClaimReader;
use authgear_core::flow::Flow;
use authgear_core::freshness::Rules;
use authgear_core::require::Caller;
use authgear_core::table::Key;
use authgear_core::verdict::{Verdict, Why};
use nginx::conf::NamedVariable;
use nginx::context;
use nginx::park::Parking;
use nginx::pool::OutOfMemory;
use nginx::request::Request;

use super::additions::Additions;
use super::outcome::Outcomes;
use super::waited::Waited;
use crate::conf::{Cache, Location};
use crate::digest::Digest;
use crate::question::Reply;
use crate::single_flight::SingleFlight;

/// What is remembered of a request that carries a credential; it survives internal redirects.
pub struct State {
    /// Where it waits, once it has to.
    pub(super) parking: OnceCell<Parking>,
    /// The headers of a verdict stand in the request: what is there is ours, not a client's.
    pub(super) owned: Cell<bool>,
    /// What the answer's header is still to have, once there is something.
    pub(super) additions: OnceCell<Box<Additions>>,
    pub(super) outcomes: Outcomes,
    pub(super) waited: Waited,
    /// It is counted, by its first verdict.
    pub(super) counted: Cell<bool>,
    /// It had two `Authorization` headers, and that is said and counted.
    pub(super) said_two_authorizations: Cell<bool>,
    pub(super) saved: RefCell<Saved>,
}

/// What is kept of an evaluation between nginx's calls.
pub(super) struct Saved {
    /// What the verdict is made under.
    pub(super) terms: Terms,
    pub(super) stage: Stage,
    pub(super) flow: Flow,
    /// The key set's version when the request first looked at it.
    pub(super) keys: Cell<Option<u64>>,
    /// The token that was looked at last, by its key in the memory: if the verdict rests on a token, on this.
    pub(super) token: Option<Key>,
    /// The token that the verdict rests on, once a variable has asked for what it says.
    pub(super) claims: OnceCell<Option<Box<ClaimReader>>>,
    /// It is being looked for.
    pub(super) is_being_read: Cell<bool>,
}

/// What a location says of whose verdict counts there, and how old it may be.
#[derive(PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) policy: Digest,
    /// Where a token may stand besides `Authorization`.
    pub(super) token: Option<NamedVariable>,
    pub(super) rules: Rules,
    pub(super) cache: Option<Cache>,
}

impl Saved {
    pub(super) fn begun(location: &Location) -> Self {
        Self {
            terms: Terms::of(location),
            stage: Stage::Begun,
            flow: Flow::new(),
            keys: Cell::new(None),
            token: None,
            claims: OnceCell::new(),
            is_being_read: Cell::new(false),
        }
    }
}

impl Terms {
    pub(super) fn of(location: &Location) -> Self {
        Self {
            policy: location.policy_digest,
            token: location.token,
            rules: location.rules,
            cache: location.cache,
        }
    }
}

pub(super) enum Stage {
    Begun,
    /// `about_token`: about one token alone.
    Asking {
        flight: Rc<SingleFlight<Reply>>,
        about_token: bool,
    },
    Fetching(Rc<SingleFlight<()>>),
    /// The verdict, which stands in the request's headers; what it rests on is the flow's.
    Settled(Verdict),
    /// No verdict could be had. What follows from that is each location's own.
    Unknown(Why),
}

impl State {
    /// The request's; a request without any credential gets one only once there is something to remember.
    pub(super) fn of<'r>(request: Request<'r>, location: &Location) -> Result<&'r Self, OutOfMemory> {
        if let Some(state) = context::find(request) {
            return Ok(state);
        }
        let mut saved = Saved::begun(location);
        saved.stage = Stage::Settled(Verdict::None);
        let state = context::attach(request, Self::new(saved))?;
        // It was counted when it was found to have no credential.
        state.counted.set(true);
        Ok(state)
    }

    pub(super) fn new(saved: Saved) -> Self {
        Self {
            parking: OnceCell::new(),
            owned: Cell::new(false),
            additions: OnceCell::new(),
            outcomes: Outcomes::default(),
            waited: Waited::default(),
            counted: Cell::new(false),
            said_two_authorizations: Cell::new(false),
            saved: RefCell::new(saved),
        }
    }

    /// Does something with who is calling. Where no verdict was made yet, or none could be had, that is
    /// nobody.
    pub(super) fn with_caller<R>(&self, with: impl FnOnce(Caller<'_>) -> R) -> R {
        let saved = self.saved.borrow();
        let caller = match &saved.stage {
            Stage::Settled(verdict) => Caller::of(verdict, saved.flow.basis()).unwrap_or(Caller::Nobody),
            Stage::Begun | Stage::Asking { .. } | Stage::Fetching(_) | Stage::Unknown(_) => Caller::Nobody,
        };
        with(caller)
    }

    /// Whether the credential is a machine's own, and admitted.
    pub(super) fn is_machine(&self) -> bool {
        matches!(self.saved.borrow().flow.basis(), Some(Basis::Machine(..)))
    }

    /// Whether no verdict could be had, which is said already.
    pub(super) fn is_unknown(&self) -> bool {
        self.said_two_authorizations.get() || matches!(self.saved.borrow().stage, Stage::Unknown(_))
    }

    /// Whether the request carries the headers of a verdict.
    pub fn has_headers(&self) -> bool {
        self.owned.get()
    }

    pub(super) fn parking(&self, request: Request<'_>) -> &Parking {
        self.parking.get_or_init(|| Parking::new(request))
    }

    pub(super) fn additions(&self) -> &Additions {
        self.additions.get_or_init(Box::default)
    }

    pub(super) fn is_late(&self) -> bool {
        self.parking.get().is_some_and(Parking::expired)
    }

    /// Forgets the verdict: the next location makes its own.
    pub fn forget(&self) {
        self.owned.set(false);
        self.outcomes.forget_passed();
        let mut saved = self.saved.borrow_mut();
        saved.stage = Stage::Begun;
        saved.flow = Flow::default();
        saved.token = None;
        saved.claims.take();
    }
}
