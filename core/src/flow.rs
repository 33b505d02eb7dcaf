//! The evaluation of a request's credentials, as a state machine: what happened in, what to do next out.
//!
//! It is total and pure. It asks at most once for keys, at most once about each token, and decides after at most one answer about all else, so every
//! evaluation ends.

mod inputs;

pub use inputs::{CredentialLookup, Inputs, KeyLookup, Keys, Remembered, VerdictMemory};

use crate::credential::{Credential, Value};
use crate::freshness::{Fallback, Freshness, Rejection, TokenAnswer};
use crate::jws::{Candidate, Compact, Form};
use crate::policy::Mode;
use crate::record;
use crate::resolver::{Question, Reading};
use crate::session::Session;
use crate::verdict::{Reason, Source, Verdict, Why};
use crate::verify::{self, refused_without_key, Judgement, TokenSummary};

/// How far an evaluation has come. It owns all it needs, and survives any wait.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// The credential that is looked at, by its position in the order.
    at: usize,
    /// Why the first that is worth nothing is.
    refused: Option<Reason>,
    refused_token: Option<TokenSummary>,
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
    /// A question about all that is left, with what is remembered of its answer while the resolver fails.
    Rest(Option<Verdict>),
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
    /// What came of a question about a token alone.
    TokenAnswered(TokenAnswer),
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// It is decided.
    Decide(Verdict),
    /// It is decided, and somebody should ask about this token, in the background.
    DecideAndAsk(Verdict, AskedToken),
    /// Fetch keys, or wait for who does; then [`Event::KeysTried`]. Also when they may not be fetched now.
    FetchKeys,
    /// Ask the resolver about a token alone; then [`Event::TokenAnswered`].
    AskAboutToken(AskedToken),
    /// Ask the resolver; then [`Event::Answered`] or [`Event::Unanswered`].
    Ask(Question),
}

/// A verified token that the resolver is asked about, alone. Its `Debug` keeps the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct AskedToken {
    /// The token.
    pub token: String,
    /// The session that its claims speak of.
    pub claimed: Session,
    /// Seconds since 1970.
    pub iat: u64,
    /// Seconds since 1970.
    pub exp: u64,
}

impl std::fmt::Debug for AskedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AskedToken").finish_non_exhaustive()
    }
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
        match step {
            Some(Step::Stop(action)) => action,
            Some(Step::Next(reason)) => {
                self.skip(reason);
                self.evaluate(inputs)
            }
            None => self.evaluate(inputs),
        }
    }

    /// What the credential that was refused first says of itself, if it is a token of good signature.
    #[must_use]
    pub fn refused_token(&self) -> Option<&TokenSummary> {
        self.refused_token.as_ref()
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
        self.at = self.at.saturating_add(1);
    }

    fn evaluate_one(&mut self, credential: &Credential<'_>, inputs: &Inputs<'_>) -> Step {
        let candidate = match &credential.value {
            Value::Candidate(candidate) if inputs.policy.mode != Mode::Remote => Some(candidate),
            Value::Candidate(_) | Value::Remote(_) | Value::Malformed => None,
        };
        if let Some(step) = candidate.and_then(|candidate| self.evaluate_remembered(candidate, inputs)) {
            return step;
        }
        match (credential.value.form(), candidate, inputs.policy.mode) {
            (Form::Malformed, _, _) => Step::Next(Reason::MalformedCredential),
            (Form::Token(token), Some(candidate), _) => self.judge(token, candidate, inputs),
            (Form::Token(_) | Form::Other(_), _, Mode::On | Mode::Remote) => self.ask(inputs),
            (Form::Token(_) | Form::Other(_), _, Mode::Local) => {
                let reason = self.refused.unwrap_or(Reason::RemoteCredential);
                Step::Stop(Action::Decide(Verdict::Invalid(reason)))
            }
        }
    }

    /// A token that verified before, while its times hold and its key is in the set.
    fn evaluate_remembered(&mut self, candidate: &Candidate<'_>, inputs: &Inputs<'_>) -> Option<Step> {
        let Inputs { policy, now, .. } = *inputs;
        let known = inputs.memory.verified(candidate)?;
        let set = inputs.keys.keys(self.keys_tried).set?;
        (known.is_in_time(now, policy.leeway) && set.contains(&known.thumbprint))
            .then(|| self.check_freshness(candidate, known, Source::TokenCache, inputs))
    }

    fn judge(&mut self, token: Compact<'_>, candidate: &Candidate<'_>, inputs: &Inputs<'_>) -> Step {
        let Inputs { policy, now, .. } = *inputs;
        let keys = inputs.keys.keys(self.keys_tried);
        let final_without = match keys
            .set
            .map(|set| verify::verify(token.as_str(), set, policy, now))
        {
            Some(Judgement::Verified(verified)) => {
                let verified = record::Token::from(*verified);
                inputs.memory.remember(candidate, &verified);
                return self.check_freshness(candidate, verified, Source::Token, inputs);
            }
            Some(Judgement::Refused(reason, summary)) => {
                if self.refused.is_none() {
                    self.refused_token = summary;
                }
                return Step::Next(reason);
            }
            Some(Judgement::NoKey) => keys.current,
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
            Mode::On | Mode::Remote => self.ask(inputs),
            Mode::Local if keys.set.is_none() => Step::Stop(Action::Decide(Verdict::Unknown(Why::NoKeys))),
            Mode::Local => Step::Stop(Action::Decide(Verdict::Unknown(Why::UnknownKey))),
        }
    }

    /// A token that verifies: whether it is fresh enough.
    fn check_freshness(
        &mut self,
        candidate: &Candidate<'_>,
        known: record::Token,
        source: Source,
        inputs: &Inputs<'_>,
    ) -> Step {
        let iat = known.iat;
        let freshness = inputs.memory.freshness(candidate, iat);
        // Only what has the form of a token is ever sent on, whoever vouches for it.
        let about = || match candidate.form() {
            Form::Token(token) => Some(AskedToken {
                token: token.as_str().to_owned(),
                claimed: known.session.clone(),
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
            ) => Step::Stop(Action::Decide(valid(known.session, session, source))),
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
                Step::Stop(Action::DecideAndAsk(
                    valid(known.session, session, source),
                    asked_token,
                ))
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
                self.pending = Pending::Token {
                    claimed: known.session,
                    fallback,
                };
                Step::Stop(Action::AskAboutToken(asked_token))
            }
        }
    }

    /// One question about this credential and all that follow.
    fn ask(&mut self, inputs: &Inputs<'_>) -> Step {
        let credentials = inputs.credentials.credentials().from(self.at);
        let Some(question) = Question::about(credentials, &inputs.policy.cookie_prefix) else {
            return Step::Next(Reason::MalformedCredential);
        };
        let remembered = inputs.memory.answer(&question).map(|remembered| {
            let verdict = match remembered.session {
                Some(session) => Verdict::Valid(session, Source::ResolverCache),
                None => self.invalid(),
            };
            (verdict, remembered.is_fresh)
        });
        match remembered {
            Some((verdict, true)) => Step::Stop(Action::Decide(verdict)),
            remembered => {
                self.pending = Pending::Rest(remembered.map(|(verdict, _)| verdict));
                Step::Stop(Action::Ask(question))
            }
        }
    }

    fn after_answer(&self, reading: Reading, pending: Pending) -> Step {
        Step::Stop(Action::Decide(match reading {
            Reading::Valid(session) => Verdict::Valid(session, Source::Resolver),
            Reading::Invalid => self.invalid(),
            // Each such question holds a `session` cookie, the client's or a made-up one.
            Reading::Silent => without_answer(Why::Silent, pending),
            Reading::Unknown(answer) => without_answer(Why::Answer(answer), pending),
        }))
    }

    /// The resolver said no; an earlier reason is the better one.
    fn invalid(&self) -> Verdict {
        Verdict::Invalid(self.refused.unwrap_or(Reason::ResolverSaidNo))
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
        Pending::Rest(remembered) => remembered,
    };
    remembered
        .filter(|_| why.is_failure())
        .unwrap_or(Verdict::Unknown(why))
}
