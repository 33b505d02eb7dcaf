//! A walk that the tests carry out step by step.

use authgear_core::credential::Credentials;
use authgear_core::flow::{Action, Event, Flow, Keys};
use authgear_core::jwks::KeySet;
use authgear_core::resolver::Question;
use authgear_core::session::Session;
use authgear_core::verdict::Verdict;
use authgear_core::verify::{Mode, Policy};
use serde_json::json;

use super::{claiming, policy, project, read, set, Issuer, NOW};

/// A walk that stands still until it is told what happened.
pub struct Walk {
    pub flow: Flow,
    pub policy: Policy,
    pub credentials: Credentials,
    pub keys: Option<KeySet>,
    pub current: bool,
    pub may_fetch: bool,
}

impl Walk {
    /// With the project's keys, of an earlier fetch, which is not due again.
    pub fn new(mode: Mode, authorization: Option<&str>, cookies: &[&str]) -> Self {
        Self {
            flow: Flow::new(),
            policy: policy(mode),
            credentials: read(authorization, cookies, ""),
            keys: Some(project()),
            current: false,
            may_fetch: false,
        }
    }

    pub fn bearer(mode: Mode, token: &str) -> Self {
        Self::new(mode, Some(&format!("Bearer {token}")), &[])
    }

    pub fn without_keys(mut self) -> Self {
        self.keys = None;
        self
    }

    pub fn fetching(mut self) -> Self {
        self.may_fetch = true;
        self
    }

    pub fn step(&mut self, event: Event) -> Action {
        let keys = Keys {
            set: self.keys.as_ref(),
            current: self.current,
            fetchable: self.may_fetch && self.keys.is_none(),
            refetchable: self.may_fetch && self.keys.is_some(),
        };
        self.flow.step(event, &self.credentials, &self.policy, keys, NOW)
    }

    /// The verdict that needs nobody.
    pub fn verdict(mut self) -> Verdict {
        decided(self.step(Event::Begin))
    }

    /// The question that comes first.
    pub fn question(&mut self) -> [String; 2] {
        asked(self.step(Event::Begin))
    }
}

pub fn decided(action: Action) -> Verdict {
    match action {
        Action::Decide(verdict) => verdict,
        other => panic!("not decided: {other:?}"),
    }
}

pub fn asked(action: Action) -> [String; 2] {
    match action {
        Action::Ask(Question {
            authorization,
            cookie,
        }) => [authorization, cookie].map(Option::unwrap_or_default),
        other => panic!("nobody is asked: {other:?}"),
    }
}

pub fn session() -> Session {
    let lines = [("x-authgear-user-verified".to_owned(), "true".to_owned())];
    Session::from_answer("another", lines.into_iter()).unwrap()
}

pub fn good() -> String {
    Issuer::first().good()
}

pub fn expired() -> String {
    claiming(json!({"exp": NOW}))
}

/// Good, and of a key that the project's set does not have.
pub fn of_the_next_key() -> String {
    Issuer::second().good()
}

pub fn rotated() -> KeySet {
    set(&[Issuer::second().jwk(), Issuer::first().jwk()])
}
