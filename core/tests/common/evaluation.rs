//! An evaluation that the tests carry out step by step.

use std::rc::Rc;

use authgear_core::credential::Allowed;
use authgear_core::flow::{Action, Event, Flow, Inputs, Keys, Remembered, VerdictMemory};
use authgear_core::freshness::Freshness;
use authgear_core::jwks::KeySet;
use authgear_core::jws::Candidate;
use authgear_core::policy::{Mode, Policy};
use authgear_core::record::Token;
use authgear_core::resolver::Question;
use authgear_core::session::Session;
use authgear_core::verdict::Verdict;
use serde_json::json;

use super::answered::answered;
use super::{claiming, policy, project, read, set, Issuer, NOW};

/// A memory that remembers nothing, where every token that verifies is good and not due.
pub struct NoMemory;

impl VerdictMemory for NoMemory {
    fn verified(&self, _: &Candidate<'_>) -> Option<Token> {
        None
    }

    fn remember(&self, _: &Candidate<'_>, _: &Token) {}

    fn freshness(&self, _: &Candidate<'_>, _: u64) -> Freshness {
        Freshness::Good {
            session: None,
            is_due: false,
        }
    }

    fn answer(&self, _: &Question) -> Option<Remembered> {
        None
    }
}

/// An evaluation that stands still until it is told what happened.
pub struct Evaluation {
    pub flow: Flow,
    pub policy: Policy,
    /// A bearer token from elsewhere, if it is not empty.
    pub elsewhere: String,
    pub authorization: Option<String>,
    pub cookies: Vec<String>,
    pub keys: Option<KeySet>,
    pub current: bool,
    /// Else it hears at once that keys were tried.
    pub may_fetch: bool,
    pub memory: Rc<dyn VerdictMemory>,
    pub now: u64,
}

impl Evaluation {
    /// With the project's keys, of an earlier fetch, which is not due again.
    pub fn new(mode: Mode, authorization: Option<&str>, cookies: &[&str]) -> Self {
        Self {
            flow: Flow::new(),
            policy: policy(mode),
            elsewhere: String::new(),
            authorization: authorization.map(str::to_owned),
            cookies: cookies.iter().copied().map(str::to_owned).collect(),
            keys: Some(project()),
            current: false,
            may_fetch: false,
            memory: Rc::new(NoMemory),
            now: NOW,
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

    pub fn remembering(mut self, memory: Rc<dyn VerdictMemory>) -> Self {
        self.memory = memory;
        self
    }

    pub fn step(&mut self, event: Event) -> Action {
        match self.step_once(event) {
            Action::FetchKeys if !self.may_fetch => self.step_once(Event::KeysTried),
            action => action,
        }
    }

    fn step_once(&mut self, event: Event) -> Action {
        let cookies: Vec<&str> = self.cookies.iter().map(String::as_str).collect();
        let credentials = read(self.authorization.as_deref(), &cookies, "");
        let credentials = credentials.after(self.elsewhere.as_bytes(), Allowed::ALL);
        let inputs = Inputs {
            credentials: &credentials,
            policy: &self.policy,
            keys: &Keys {
                set: self.keys.as_ref(),
                current: self.current,
            },
            memory: &*self.memory,
            now: self.now,
        };
        self.flow.step(event, &inputs)
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
            ..
        }) => [authorization, cookie].map(Option::unwrap_or_default),
        other => panic!("nobody is asked: {other:?}"),
    }
}

pub fn session() -> Session {
    session_of("another")
}

pub fn session_of(user: &str) -> Session {
    answered(user, [("x-authgear-user-verified", "true")]).unwrap()
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
