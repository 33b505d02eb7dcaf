//! The walk over a request's credentials, as a state machine: what happened in, what to do next out.
//!
//! It is total and pure. It asks at most once for keys and decides after at most one answer, so every walk ends.

use crate::credential::{Credential, Credentials, Value};
use crate::jwks::KeySet;
use crate::resolver::{Question, Reading};
use crate::verdict::{Reason, Source, Verdict, Why};
use crate::verify::{self, hopeless, Judgement, Mode, Policy, Seen};

/// Where a walk is. It owns all it needs, and survives any wait.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    at: usize,
    refused: Option<Reason>,
    seen: Option<Seen>,
    keys_tried: bool,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The request came.
    Begin,
    /// Keys were fetched, or could not be.
    KeysTried,
    /// The resolver answered.
    Answered(Reading),
    /// It did not.
    Unanswered(Why),
}

/// The keys as they are now.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'k> {
    /// The set that may be used.
    pub set: Option<&'k KeySet>,
    /// It is from a file, or was fetched after the request came: a key that is not in it does not exist.
    pub current: bool,
    /// For want of a set, a fetch may be made or waited for.
    pub fetchable: bool,
    /// For want of a key, a fetch may be made or waited for.
    pub refetchable: bool,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// It is decided.
    Decide(Verdict),
    /// Fetch keys, or wait for who does; then [`Event::KeysTried`].
    FetchKeys,
    /// Ask the resolver; then [`Event::Answered`] or [`Event::Unanswered`].
    Ask(Question),
}

/// What becomes of one credential.
enum Step {
    Stop(Action),
    /// It is worth nothing: the next.
    Next(Reason),
}

impl Flow {
    /// A walk that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the walk on to the next thing that has to be done. `now` in seconds since 1970.
    pub fn step(
        &mut self,
        event: Event,
        credentials: &Credentials,
        policy: &Policy,
        keys: Keys<'_>,
        now: u64,
    ) -> Action {
        match event {
            Event::Begin => {}
            Event::KeysTried => self.keys_tried = true,
            Event::Answered(Reading::Valid(session)) => {
                return Action::Decide(Verdict::Valid(session, Source::Resolver))
            }
            Event::Answered(Reading::Invalid | Reading::Silent) => {
                return Action::Decide(Verdict::Invalid(self.refused.unwrap_or(Reason::ResolverSaidNo)));
            }
            Event::Answered(Reading::Unknown(answer)) => {
                return Action::Decide(Verdict::Unknown(Why::Answer(answer)))
            }
            Event::Unanswered(why) => return Action::Decide(Verdict::Unknown(why)),
        }
        while let Some(credential) = credentials.get(self.at) {
            match self.visit(credential, credentials, policy, keys, now) {
                Step::Stop(action) => return action,
                Step::Next(reason) => {
                    self.refused.get_or_insert(reason);
                    self.at = self.at.saturating_add(1);
                }
            }
        }
        Action::Decide(self.refused.map_or(Verdict::None, Verdict::Invalid))
    }

    /// What the credential that was refused first says of itself, if it is a token of good signature.
    #[must_use]
    pub fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    fn visit(
        &mut self,
        credential: &Credential,
        credentials: &Credentials,
        policy: &Policy,
        keys: Keys<'_>,
        now: u64,
    ) -> Step {
        match (policy.mode, &credential.value) {
            (_, Value::Malformed) => Step::Next(Reason::MalformedCredential),
            (Mode::Remote, Value::Local(_) | Value::Remote(_)) | (Mode::On, Value::Remote(_)) => {
                self.ask(credentials, policy)
            }
            (Mode::Local, Value::Remote(_)) => {
                let reason = self.refused.unwrap_or(Reason::RemoteCredential);
                Step::Stop(Action::Decide(Verdict::Invalid(reason)))
            }
            (Mode::On | Mode::Local, Value::Local(token)) => {
                self.judge(token, credentials, policy, keys, now)
            }
        }
    }

    fn judge(
        &mut self,
        token: &str,
        credentials: &Credentials,
        policy: &Policy,
        keys: Keys<'_>,
        now: u64,
    ) -> Step {
        let judgement = keys.set.map(|set| verify::verify(token, set, policy, now));
        let (may_fetch, final_without) = match judgement {
            Some(Judgement::Verified(verified)) => {
                return Step::Stop(Action::Decide(Verdict::Valid(verified.session, Source::Token)));
            }
            Some(Judgement::Refused(reason, seen)) => {
                if self.refused.is_none() {
                    self.seen = seen;
                }
                return Step::Next(reason);
            }
            Some(Judgement::NoKey) => (keys.refetchable, keys.current),
            None => (keys.fetchable, false),
        };
        if let Some(reason) = hopeless(token, policy, now) {
            return Step::Next(reason);
        }
        if final_without {
            return Step::Next(Reason::UnknownKey);
        }
        if may_fetch && !self.keys_tried {
            return Step::Stop(Action::FetchKeys);
        }
        match policy.mode {
            Mode::On | Mode::Remote => self.ask(credentials, policy),
            Mode::Local if keys.set.is_none() => Step::Stop(Action::Decide(Verdict::Unknown(Why::NoKeys))),
            Mode::Local => Step::Stop(Action::Decide(Verdict::Unknown(Why::UnknownKey))),
        }
    }

    /// One question about this credential and all that follow.
    fn ask(&self, credentials: &Credentials, policy: &Policy) -> Step {
        match Question::about(credentials.from(self.at), &policy.cookie_prefix) {
            Some(question) => Step::Stop(Action::Ask(question)),
            None => Step::Next(Reason::MalformedCredential),
        }
    }
}
