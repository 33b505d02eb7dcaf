//! The walk over a request's credentials, as a state machine: what happened in, what to do next out.
//!
//! It is total and pure. It asks at most once for keys, at most once about each token, and decides after at most one answer about all else, so every
//! walk ends.

mod scene;

pub use scene::{CredentialSource, KeySource, Keys, Memory, Remembered, Scene};

use crate::credential::{Credential, Value};
use crate::freshness::{Fallback, No, Said, Standing};
use crate::jws::{Candidate, Compact, Form};
use crate::policy::Mode;
use crate::record;
use crate::resolver::{Question, Reading};
use crate::session::Session;
use crate::verdict::{Reason, Source, Verdict, Why};
use crate::verify::{self, hopeless, Judgement, Seen};

/// Where a walk is. It owns all it needs, and survives any wait.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    at: usize,
    refused: Option<Reason>,
    seen: Option<Seen>,
    keys_tried: bool,
    asking: Asking,
}

/// What is under way.
#[derive(Clone, Debug, Default)]
enum Asking {
    #[default]
    Nothing,
    /// A question about a token alone, with what it counts as when nobody answers.
    Alone { claimed: Session, otherwise: Fallback },
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
    Said(Said),
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// It is decided.
    Decide(Verdict),
    /// It is decided, and somebody should ask about this token, in the background.
    DecideAndAsk(Verdict, Subject),
    /// Fetch keys, or wait for who does; then [`Event::KeysTried`]. Also when they may not be fetched now.
    FetchKeys,
    /// Ask the resolver about a token alone; then [`Event::Said`].
    AskAlone(Subject),
    /// Ask the resolver; then [`Event::Answered`] or [`Event::Unanswered`].
    Ask(Question),
}

/// A verified token that the resolver is asked about, alone. Its `Debug` keeps the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject {
    /// The token.
    pub token: String,
    /// The session that its claims speak of.
    pub claimed: Session,
    /// Seconds since 1970.
    pub iat: u64,
    /// Seconds since 1970.
    pub exp: u64,
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject").finish_non_exhaustive()
    }
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

    /// Takes the walk on to the next thing that has to be done.
    pub fn step(&mut self, event: Event, scene: &Scene<'_>) -> Action {
        let asking = std::mem::take(&mut self.asking);
        let step = match event {
            Event::Begin => None,
            Event::KeysTried => {
                self.keys_tried = true;
                None
            }
            Event::Said(said) => Some(after_said(said, asking)),
            Event::Answered(reading) => Some(self.after_answer(reading, asking)),
            Event::Unanswered(why) => Some(Step::Stop(Action::Decide(otherwise(why, asking)))),
        };
        match step {
            Some(Step::Stop(action)) => action,
            Some(Step::Next(reason)) => {
                self.pass(reason);
                self.walk(scene)
            }
            None => self.walk(scene),
        }
    }

    /// What the credential that was refused first says of itself, if it is a token of good signature.
    #[must_use]
    pub fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    fn walk(&mut self, scene: &Scene<'_>) -> Action {
        while let Some(credential) = scene.credentials.credentials().get(self.at) {
            match self.visit(credential, scene) {
                Step::Stop(action) => return action,
                Step::Next(reason) => self.pass(reason),
            }
        }
        Action::Decide(self.refused.map_or(Verdict::None, Verdict::Invalid))
    }

    /// The credential is worth nothing, for this reason: the next has its turn.
    fn pass(&mut self, reason: Reason) {
        self.refused.get_or_insert(reason);
        self.at = self.at.saturating_add(1);
    }

    fn visit(&mut self, credential: &Credential<'_>, scene: &Scene<'_>) -> Step {
        let candidate = match &credential.value {
            Value::Candidate(candidate) if scene.policy.mode != Mode::Remote => Some(candidate),
            Value::Candidate(_) | Value::Remote(_) | Value::Malformed => None,
        };
        if let Some(step) = candidate.and_then(|candidate| self.recall(candidate, scene)) {
            return step;
        }
        match (credential.value.form(), candidate, scene.policy.mode) {
            (Form::Malformed, _, _) => Step::Next(Reason::MalformedCredential),
            (Form::Token(token), Some(candidate), _) => self.judge(token, candidate, scene),
            (Form::Token(_) | Form::Other(_), _, Mode::On | Mode::Remote) => self.ask(scene),
            (Form::Token(_) | Form::Other(_), _, Mode::Local) => {
                let reason = self.refused.unwrap_or(Reason::RemoteCredential);
                Step::Stop(Action::Decide(Verdict::Invalid(reason)))
            }
        }
    }

    /// A token that verified before, while its times hold and its key is in the set.
    fn recall(&mut self, candidate: &Candidate<'_>, scene: &Scene<'_>) -> Option<Step> {
        let Scene { policy, now, .. } = *scene;
        let known = scene.memory.verified(candidate)?;
        let set = scene.keys.keys(self.keys_tried).set?;
        (known.is_in_time(now, policy.leeway) && set.contains(&known.thumbprint))
            .then(|| self.weigh(candidate, known, Source::TokenCache, scene))
    }

    fn judge(&mut self, token: Compact<'_>, candidate: &Candidate<'_>, scene: &Scene<'_>) -> Step {
        let Scene { policy, now, .. } = *scene;
        let keys = scene.keys.keys(self.keys_tried);
        let final_without = match keys
            .set
            .map(|set| verify::verify(token.as_str(), set, policy, now))
        {
            Some(Judgement::Verified(verified)) => {
                let verified = record::Token::from(*verified);
                scene.memory.remember(candidate, &verified);
                return self.weigh(candidate, verified, Source::Token, scene);
            }
            Some(Judgement::Refused(reason, seen)) => {
                if self.refused.is_none() {
                    self.seen = seen;
                }
                return Step::Next(reason);
            }
            Some(Judgement::NoKey) => keys.current,
            None => false,
        };
        if let Some(reason) = hopeless(token.as_str(), policy, now) {
            return Step::Next(reason);
        }
        if final_without {
            return Step::Next(Reason::UnknownKey);
        }
        if !self.keys_tried {
            return Step::Stop(Action::FetchKeys);
        }
        match policy.mode {
            Mode::On | Mode::Remote => self.ask(scene),
            Mode::Local if keys.set.is_none() => Step::Stop(Action::Decide(Verdict::Unknown(Why::NoKeys))),
            Mode::Local => Step::Stop(Action::Decide(Verdict::Unknown(Why::UnknownKey))),
        }
    }

    /// A token that verifies: whether it is fresh.
    fn weigh(
        &mut self,
        candidate: &Candidate<'_>,
        known: record::Token,
        source: Source,
        scene: &Scene<'_>,
    ) -> Step {
        let iat = known.iat;
        let standing = scene.memory.standing(candidate, iat);
        // Only what has the form of a token is ever sent on, whoever vouches for it.
        let about = || match candidate.form() {
            Form::Token(token) => Some(Subject {
                token: token.as_str().to_owned(),
                claimed: known.session.clone(),
                iat,
                exp: known.exp,
            }),
            Form::Other(_) | Form::Malformed => None,
        };
        match (standing, scene.policy.mode) {
            (
                Standing::Good {
                    session,
                    is_due: false,
                },
                _,
            ) => Step::Stop(Action::Decide(valid(known.session, session, source))),
            (
                Standing::Good {
                    session,
                    is_due: true,
                },
                _,
            ) => {
                let Some(subject) = about() else {
                    return Step::Next(Reason::MalformedCredential);
                };
                Step::Stop(Action::DecideAndAsk(
                    valid(known.session, session, source),
                    subject,
                ))
            }
            (Standing::Not(no), _) => refuse(no),
            // Nobody may be asked, and what the claims say is known to be wrong.
            (Standing::AskFirst(_), Mode::Local) => {
                Step::Stop(Action::Decide(Verdict::Unknown(Why::NotRemembered)))
            }
            (Standing::AskFirst(otherwise), Mode::On | Mode::Remote) => {
                let Some(subject) = about() else {
                    return Step::Next(Reason::MalformedCredential);
                };
                self.asking = Asking::Alone {
                    claimed: known.session,
                    otherwise,
                };
                Step::Stop(Action::AskAlone(subject))
            }
        }
    }

    /// One question about this credential and all that follow.
    fn ask(&mut self, scene: &Scene<'_>) -> Step {
        let credentials = scene.credentials.credentials().from(self.at);
        let Some(question) = Question::about(credentials, &scene.policy.cookie_prefix) else {
            return Step::Next(Reason::MalformedCredential);
        };
        let remembered = scene.memory.answer(&question).map(|remembered| {
            let verdict = match remembered.session {
                Some(session) => Verdict::Valid(session, Source::ResolverCache),
                None => self.said_no(),
            };
            (verdict, remembered.is_fresh)
        });
        match remembered {
            Some((verdict, true)) => Step::Stop(Action::Decide(verdict)),
            remembered => {
                self.asking = Asking::Rest(remembered.map(|(verdict, _)| verdict));
                Step::Stop(Action::Ask(question))
            }
        }
    }

    fn after_answer(&self, reading: Reading, asking: Asking) -> Step {
        Step::Stop(Action::Decide(match reading {
            Reading::Valid(session) => Verdict::Valid(session, Source::Resolver),
            Reading::Invalid => self.said_no(),
            // Each such question holds a `session` cookie, the client's or a made-up one.
            Reading::Silent => otherwise(Why::Silent, asking),
            Reading::Unknown(answer) => otherwise(Why::Answer(answer), asking),
        }))
    }

    /// The resolver said no; an earlier reason is the better one.
    fn said_no(&self) -> Verdict {
        Verdict::Invalid(self.refused.unwrap_or(Reason::ResolverSaidNo))
    }
}

/// The verdict on a token that is good: what the resolver said of it last goes before its claims.
fn valid(claimed: Session, said: Option<Session>, source: Source) -> Verdict {
    match said {
        Some(session) => Verdict::Valid(session, Source::ResolverCache),
        None => Verdict::Valid(claimed, source),
    }
}

fn refuse(no: No) -> Step {
    match no {
        No::Ended => Step::Next(Reason::SessionEnded),
        No::Barred => Step::Stop(Action::Decide(Verdict::Invalid(Reason::UserBarred))),
    }
}

fn after_said(said: Said, asking: Asking) -> Step {
    let why = match said {
        Said::Yes(session) => {
            return Step::Stop(Action::Decide(Verdict::Valid(session, Source::Resolver)));
        }
        Said::AnotherUser => return refuse(No::Ended),
        Said::No(no) => return refuse(no),
        Said::Unproven => Why::Unproven,
        Said::Unknown(why) => why,
    };
    if let Asking::Alone {
        otherwise: Fallback::Not(no),
        ..
    } = asking
    {
        return refuse(no);
    }
    Step::Stop(Action::Decide(otherwise(why, asking)))
}

/// The verdict when nobody answered: what is remembered, while the resolver fails, else none.
fn otherwise(why: Why, asking: Asking) -> Verdict {
    let remembered = match asking {
        Asking::Nothing
        | Asking::Alone {
            otherwise: Fallback::Not(_) | Fallback::Unknown,
            ..
        } => None,
        Asking::Alone {
            claimed,
            otherwise: Fallback::Stale(session),
        } => Some(valid(claimed, session, Source::TokenCache)),
        Asking::Rest(remembered) => remembered,
    };
    remembered
        .filter(|_| why.is_failure())
        .unwrap_or(Verdict::Unknown(why))
}
