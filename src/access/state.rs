//! What is remembered of one request between nginx's calls, and over internal redirects.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use authgear_core::flow::Flow;
use authgear_core::freshness::Rules;

use super::additions::Additions;
use crate::conf::Cache;
use crate::digest::Digest;
use crate::question::Reply;
use crate::single_flight::SingleFlight;
use nginx::park::Parking;
use nginx::request::Request;

/// What is remembered of a request that carries a credential; it survives internal redirects.
pub struct State {
    /// Where it waits, once it has to.
    pub(super) parking: OnceCell<Parking>,
    /// The headers of a verdict stand in the request: what is there is ours, not a client's.
    pub(super) owned: Cell<bool>,
    /// What the answer's header is still to have, once there is something.
    pub(super) additions: OnceCell<Box<Additions>>,
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
}

/// What a location says of whose verdict counts there, and how old it may be.
#[derive(PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) policy: Digest,
    pub(super) rules: Rules,
    pub(super) cache: Option<Cache>,
}

pub(super) enum Stage {
    Begun,
    /// `about_token`: about one token alone.
    Asking {
        flight: Rc<SingleFlight<Reply>>,
        about_token: bool,
    },
    Fetching(Rc<SingleFlight<()>>),
    /// The verdict stands in the request's headers.
    Settled,
    /// No verdict could be had. What follows from that is each location's own.
    Unknown,
}

impl State {
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
        self.saved.borrow_mut().stage = Stage::Begun;
    }
}
