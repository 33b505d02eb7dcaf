//! The evaluation of a request's credentials, as a state machine: what happened in, what to do next out.
//!
//! It is total and pure. It asks at most once for keys, at most once about each token, and at most once about
//! all else that the server can be told of at once, so every evaluation ends.

mod inputs;
mod asked_token;
mod event;

pub use asked_token::AskedToken;
pub use event::{Action, Event};
pub use inputs::{CredentialLookup, Inputs, KeyLookup, Keys, Remembered, VerdictMemory};

use crate::basis::Basis;
use crate::credential::{Credential, Kind, Value};
use crate::freshness::{Fallback, Freshness, Rejection, TokenAnswer};
use crate::jws::{Candidate, Compact, Form};
use crate::policy::Mode;
use crate::record::{self, Holder};
use crate::resolver::{Question, Reading};
use crate::session::Session;
use crate::verdict::{Reason, Source, Verdict, Why};
use crate::verify::{self, refused_without_key, Admitted, Judgement, TokenSummary};

/// How far an evaluation has come. It owns all it needs, and survives any wait.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// The credential that is looked at, by its position in the order.
    at: usize,
    /// Why the first that is worth nothing is.
    refused: Option<Reason>,
    refused_token: Option<TokenSummary>,
    basis: Option<Basis>,
    keys_tried: bool,
    pending: Pending,
}

/// What the resolver is being asked.
#[derive(Clone, Debug, Default)]
enum Pending {
    #[default]
    Nothing,
    /// A question about a token alone, with what it counts as when nobody answers.
    Token { claimed: Session, fallback: Fallback },
    /// A question about all that is left, or all before another bearer token.
    Rest {
        /// What is remembered of its answer, while the resolver fails.
        remembered: Option<Verdict>,
        /// The position of the last that it is about.
        last: usize,
    },
}

/// What becomes of one credential.
enum Step {
    Stop(Action),
    /// It is worth nothing: the next.
    Next(Reason),
}

impl Flow {
    /// An evaluation that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on to the next thing that has to be done.
    pub fn step(&mut self, event: Event, inputs: &Inputs<'_>) -> Action {
        let pending = std::mem::take(&mut self.pending);
        let step = match event {
            Event::Begin => None,
            Event::KeysTried => {
                self.keys_tried = true;
                None
            }
            Event::TokenAnswered(answer) => Some(after_token_answer(answer, pending)),
            Event::Answered(reading) => Some(self.after_answer(reading, pending)),
            Event::Unanswered(why) => Some(Step::Stop(Action::Decide(without_answer(why, pending)))),
        };
        let action = match step {
            Some(Step::Stop(action)) => action,
            Some(Step::Next(reason)) => {
                self.skip(reason);
                self.evaluate(inputs)
            }
            None => self.evaluate(inputs),
        };
        if let Action::Decide(verdict) | Action::DecideAndAsk(verdict, _) = &action {
            self.basis.take_if(|basis| !basis.is_of(verdict));
        }
        action
    }

    /// What the credential that was refused first says of itself, if it is a token of good signature.
    #[must_use]
    pub fn refused_token(&self) -> Option<&TokenSummary> {
        self.refused_token.as_ref()
    }

    /// What the verdict rests on, once it is decided.
    #[must_use]
    pub fn basis(&self) -> Option<&Basis> {
        self.basis.as_ref()
    }

    fn evaluate(&mut self, inputs: &Inputs<'_>) -> Action {
        while let Some(credential) = inputs.credentials.credentials().get(self.at) {
            match self.evaluate_one(credential, inputs) {
                Step::Stop(action) => return action,
                Step::Next(reason) => self.skip(reason),
            }
        }
        Action::Decide(self.refused.map_or(Verdict::None, Verdict::Invalid))
    }

    /// The credential is worth nothing, for this reason: the next is looked at.
    fn skip(&mut self, reason: Reason) {
        self.refused.get_or_insert(reason);
        self.basis = None;
        self.at = self.at.saturating_add(1);
    }

    fn evaluate_one(&mut self, credential: &Credential<'_>, inputs: &Inputs<'_>) -> Step {
        let candidate = match &credential.value {
            Value::Candidate(candidate) if inputs.policy.mode != Mode::Remote => Some(candidate),
            Value::Candidate(_) | Value::Remote(_) | Value::Malformed => None,
        };
        let kind = credential.kind;
        if let Some(step) = candidate.and_then(|candidate| self.evaluate_remembered(kind, candidate, inputs))
        {
            return step;
        }
        match (credential.value.form(), candidate, inputs.policy.mode) {
            (Form::Malformed, _, _) => Step::Next(Reason::MalformedCredential),
            (Form::Token(token), Some(candidate), _) => self.judge(token, credential.kind, candidate, inputs),
            (Form::Token(_), None, Mode::Remote) if !inputs.policy.asks_about(credential) => {
                Step::Next(Reason::MachineToken)
            }
            (Form::Token(_) | Form::Other(_), _, Mode::On | Mode::Remote) => self.ask(inputs),
            (Form::Token(_) | Form::Other(_), _, Mode::Local) => {
                let reason = self.refused.unwrap_or(Reason::RemoteCredential);
                Step::Stop(Action::Decide(Verdict::Invalid(reason)))
            }
        }
    }

    /// A token that verified before, while its times hold and its key is in the set.
    fn evaluate_remembered(
        &mut self,
        kind: Kind,
        candidate: &Candidate<'_>,
        inputs: &Inputs<'_>,
    ) -> Option<Step> {
        let Inputs { policy, now, .. } = *inputs;
        let known = inputs.memory.verified(candidate)?;
        let set = inputs.keys.keys(self.keys_tried).set?;
        (known.is_in_time(now, policy.leeway) && set.contains(&known.thumbprint))
            .then(|| self.check_freshness(kind, candidate, known, Source::TokenCache, inputs))
    }

    fn judge(
        &mut self,
        token: Compact<'_>,
        kind: Kind,
        candidate: &Candidate<'_>,
        inputs: &Inputs<'_>,
    ) -> Step {
        let Inputs { policy, now, .. } = *inputs;
        let keys = inputs.keys.keys(self.keys_tried);
        let final_without = match keys
            .set
            .map(|set| verify::admit(token.as_str(), set, policy, now))
        {
            Some(Admitted::User(Judgement::Verified(verified))) => {
                return self.verified(kind, candidate, (*verified).into(), inputs);
            }
            Some(Admitted::Machine(verified)) => {
                return self.verified(kind, candidate, (*verified).into(), inputs);
            }
            Some(Admitted::User(Judgement::Refused(reason, summary))) => {
                if self.refused.is_none() {
                    self.refused_token = summary;
                }
                return Step::Next(reason);
            }
            Some(Admitted::User(Judgement::NoKey)) => keys.current,
            None => false,
        };
        if let Some(reason) = refused_without_key(token.as_str(), policy, now) {
            return Step::Next(reason);
        }
        if final_without {
            return Step::Next(Reason::UnknownKey);
        }
        if !self.keys_tried {
            return Step::Stop(Action::FetchKeys);
        }
        match policy.mode {
            Mode::On | Mode::Remote if !policy.never_asks_about(token) => self.ask(inputs),
            Mode::On | Mode::Remote | Mode::Local => {
                let why = keys.set.map_or(Why::NoKeys, |_| Why::UnknownKey);
                Step::Stop(Action::Decide(Verdict::Unknown(why)))
            }
        }
    }

    /// A token that verified just now.
    fn verified(
        &mut self,
        kind: Kind,
        candidate: &Candidate<'_>,
        verified: record::Token,
        inputs: &Inputs<'_>,
    ) -> Step {
        inputs.memory.remember(candidate, &verified);
        self.check_freshness(kind, candidate, verified, Source::Token, inputs)
    }

    /// A token that verifies: whether it is fresh enough.
    fn check_freshness(
        &mut self,
        kind: Kind,
        candidate: &Candidate<'_>,
        known: record::Token,
        source: Source,
        inputs: &Inputs<'_>,
    ) -> Step {
        let iat = known.iat;
        let claimed = match known.holder {
            Holder::User(session, grant) => {
                self.basis = Some(Basis::Token(kind, grant));
                session
            }
            Holder::Machine(machine) if inputs.policy.machines => {
                self.basis = Some(Basis::Machine(kind, machine));
                return Step::Stop(Action::Decide(Verdict::Invalid(Reason::MachineToken)));
            }
            Holder::Machine(_) => return Step::Next(Reason::MachineToken),
        };
        let freshness = inputs.memory.freshness(candidate, iat);
        // Only what has the form of a token is ever sent on, whoever vouches for it.
        let about = || match candidate.form() {
            Form::Token(token) => Some(AskedToken {
                token: token.as_str().to_owned(),
                claimed: claimed.clone(),
                iat,
                exp: known.exp,
            }),
            Form::Other(_) | Form::Malformed => None,
        };
        match (freshness, inputs.policy.mode) {
            (
                Freshness::Good {
                    session,
                    is_due: false,
                },
                _,
            ) => Step::Stop(Action::Decide(valid(claimed, session, source))),
            (
                Freshness::Good {
                    session,
                    is_due: true,
                },
                _,
            ) => {
                let Some(asked_token) = about() else {
                    return Step::Next(Reason::MalformedCredential);
                };
                Step::Stop(Action::DecideAndAsk(valid(claimed, session, source), asked_token))
            }
            (Freshness::Rejected(rejection), _) => reject(rejection),
            // Nobody may be asked, and what the claims say is known to be wrong.
            (Freshness::AskFirst(_), Mode::Local) => {
                Step::Stop(Action::Decide(Verdict::Unknown(Why::NotRemembered)))
            }
            (Freshness::AskFirst(fallback), Mode::On | Mode::Remote) => {
                let Some(asked_token) = about() else {
                    return Step::Next(Reason::MalformedCredential);
                };
                self.pending = Pending::Token { claimed, fallback };
                Step::Stop(Action::AskAboutToken(asked_token))
            }
        }
    }

    /// One question about this credential and all that follow.
    fn ask(&mut self, inputs: &Inputs<'_>) -> Step {
        let left = || inputs.credentials.credentials().from(self.at);
        let asked = || left().filter(|credential| inputs.policy.asks_about(credential));
        let Some(question) = Question::about(asked(), &inputs.policy.cookie_prefix) else {
            return Step::Next(Reason::MalformedCredential);
        };
        self.basis = Some(Basis::Resolver(
            asked().map(|credential| credential.kind).collect(),
        ));
        let last = self.at.saturating_add(left().count()).saturating_sub(1);
        let remembered = inputs.memory.answer(&question);
        match remembered {
            Some(Remembered {
                session: None,
                is_fresh: true,
            }) => self.after_no(last),
            Some(Remembered {
                session: Some(session),
                is_fresh: true,
            }) => Step::Stop(Action::Decide(Verdict::Valid(session, Source::ResolverCache))),
            remembered => {
                let remembered = remembered.map(|remembered| match remembered.session {
                    Some(session) => Verdict::Valid(session, Source::ResolverCache),
                    None => Verdict::Invalid(self.refused.unwrap_or(Reason::ResolverSaidNo)),
                });
                self.pending = Pending::Rest { remembered, last };
                Step::Stop(Action::Ask(question))
            }
        }
    }

    fn after_answer(&mut self, reading: Reading, pending: Pending) -> Step {
        Step::Stop(Action::Decide(match (reading, pending) {
            (Reading::Valid(session), _) => Verdict::Valid(session, Source::Resolver),
            (Reading::Invalid, Pending::Rest { last, .. }) => return self.after_no(last),
            (Reading::Invalid, Pending::Nothing | Pending::Token { .. }) => return self.after_no(self.at),
            // Each such question holds a `session` cookie, the client's or a made-up one.
            (Reading::Silent, pending) => without_answer(Why::Silent, pending),
            (Reading::Unknown(answer), pending) => without_answer(Why::Answer(answer), pending),
        }))
    }

    /// The resolver said no, of all up to this position.
    fn after_no(&mut self, last: usize) -> Step {
        self.at = last;
        Step::Next(Reason::ResolverSaidNo)
    }
}

/// The verdict on a token that is good: what the resolver said of it last goes before its claims.
fn valid(claimed: Session, answered: Option<Session>, source: Source) -> Verdict {
    match answered {
        Some(session) => Verdict::Valid(session, Source::ResolverCache),
        None => Verdict::Valid(claimed, source),
    }
}

fn reject(rejection: Rejection) -> Step {
    match rejection {
        Rejection::Ended => Step::Next(Reason::SessionEnded),
        Rejection::Barred => Step::Stop(Action::Decide(Verdict::Invalid(Reason::UserBarred))),
    }
}

fn after_token_answer(answer: TokenAnswer, pending: Pending) -> Step {
    let why = match answer {
        TokenAnswer::Yes(session) => {
            return Step::Stop(Action::Decide(Verdict::Valid(session, Source::Resolver)));
        }
        TokenAnswer::AnotherUser => return reject(Rejection::Ended),
        TokenAnswer::No(rejection) => return reject(rejection),
        TokenAnswer::Unproven => Why::Unproven,
        TokenAnswer::Unknown(why) => why,
    };
    if let Pending::Token {
        fallback: Fallback::Rejected(rejection),
        ..
    } = pending
    {
        return reject(rejection);
    }
    Step::Stop(Action::Decide(without_answer(why, pending)))
}

/// The verdict when nobody answered: what is remembered, while the resolver fails, else none.
fn without_answer(why: Why, pending: Pending) -> Verdict {
    let remembered = match pending {
        Pending::Nothing
        | Pending::Token {
            fallback: Fallback::Rejected(_) | Fallback::Unknown,
            ..
        } => None,
        Pending::Token {
            claimed,
            fallback: Fallback::Stale(session),
        } => Some(valid(claimed, session, Source::TokenCache)),
        Pending::Rest { remembered, .. } => remembered,
    };
    remembered
        .filter(|_| why.is_failure())
        .unwrap_or(Verdict::Unknown(why))
}
