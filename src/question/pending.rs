//! A question under way: how it is sent, sent once more where silence was the answer about a token, and what
//! its answer is good for.

use std::borrow::Cow;
use std::rc::Rc;

use authgear_core::counted::Asked;
use authgear_core::flow::AskedToken;
use authgear_core::freshness::{self, Interpretation, TokenAnswer};
use authgear_core::made_up::CookieChoice;
use authgear_core::resolver::{self, Question, Reader, Reading};
use authgear_core::table::Key;
use authgear_core::verdict::{UnknownAnswer, Why};
use ring::error::Unspecified;

use super::random::made_up;
use super::{Reply, QUESTIONS};
use crate::conf;
use crate::conf::{Millis, Site};
use crate::digest::Digest;
use crate::memory;
use crate::metrics;
use crate::report;
use crate::resolver::{has_said_yes, is_proven, note, note_yes, pause, prove, Permit};
use crate::single_flight::Leader;
use crate::zone;
use nginx::background::{self, CannotStart, End, Headers, Outcome, Outgoing, Recipient};
use nginx::headers::name::{AUTHORIZATION, COOKIE, USER_AGENT, X_FORWARDED_FOR};
use nginx::peer::Peer;
use nginx::request::Request;
use nginx::{clock, later, worker};

/// What becomes of an answer, besides being told to those who wait.
pub(super) enum AnswerUse {
    /// It is the answer to this question until another comes.
    Remember {
        exp: Option<u64>,
    },
    /// It is what the resolver says of this token.
    OfToken {
        asked_token: AskedToken,
        asked: Millis,
        interval: Millis,
    },
    Nothing,
}

/// What is asked, and for whom: all that it takes to send it again when the asker may be gone.
pub(super) struct SentQuestion {
    question: Question,
    agent: Option<Vec<u8>>,
    forwarded: Option<Vec<u8>>,
    peer: Option<Peer>,
}

impl SentQuestion {
    pub(super) fn of(question: Question, request: Request<'_>) -> Self {
        let (mut agent, mut forwarded) = (None, None);
        request.each_header(|name, value| {
            if name.eq_ignore_ascii_case(b"user-agent") {
                agent.get_or_insert_with(|| value.to_vec());
            } else if name.eq_ignore_ascii_case(b"x-forwarded-for") {
                join(&mut forwarded, value);
            }
        });
        Self {
            question,
            agent,
            forwarded,
            peer: Peer::of(request),
        }
    }

    /// The `Cookie` that it is sent with.
    fn cookie(&self, cookie_choice: CookieChoice, prefix: &str) -> Result<Option<Cow<'_, str>>, CannotStart> {
        Ok(match cookie_choice {
            CookieChoice::AsItIs => self.question.cookie.as_deref().map(Cow::Borrowed),
            CookieChoice::WithMadeUp => {
                let made_up = made_up().map_err(|Unspecified| CannotStart)?;
                Some(Cow::Owned(self.question.cookie_with(&made_up, prefix)))
            }
        })
    }
}

/// Several headers of one name, as one.
fn join(line: &mut Option<Vec<u8>>, value: &[u8]) {
    match line {
        Some(line) => {
            line.extend_from_slice(b", ");
            line.extend_from_slice(value);
        }
        None => *line = Some(value.to_vec()),
    }
}

/// A question under way.
pub(super) struct PendingQuestion {
    pub(super) key: Key,
    pub(super) permit: Permit,
    pub(super) leader: Leader<Reply>,
    pub(super) sent: Rc<SentQuestion>,
    /// How it is sent, or was sent last.
    pub(super) cookie_choice: CookieChoice,
    /// When it is given up, on the monotonic clock.
    pub(super) deadline: Millis,
    pub(super) resolver: Digest,
    /// The number of the configuration that it was asked under.
    pub(super) configuration: u64,
    /// When it was sent last, likewise.
    pub(super) sent_at: Millis,
    /// The project's cookies begin so.
    pub(super) prefix: String,
    pub(super) use_of: AnswerUse,
    /// What the answer's header means, if no body follows.
    pub(super) reading: Option<Reading>,
    pub(super) set_cookies: Vec<Vec<u8>>,
}

impl PendingQuestion {
    /// Sends the question with the cookies that it is to have, with the time that is left.
    pub(super) fn send(self: Box<Self>, site: &Site) -> Result<(), CannotStart> {
        let sent = Rc::clone(&self.sent);
        let cookie = sent.cookie(self.cookie_choice, &self.prefix)?;
        let authorization = sent.question.authorization.as_deref();
        let outgoing = Outgoing {
            server: site.resolver_server,
            uri: &site.resolve_request,
            host: site.endpoint.host(),
            headers: &[
                (AUTHORIZATION, authorization.map(str::as_bytes)),
                (COOKIE, cookie.as_deref().map(str::as_bytes)),
                (USER_AGENT, sent.agent.as_deref()),
                (X_FORWARDED_FOR, sent.forwarded.as_deref()),
            ],
            client: sent.peer.as_ref(),
            // Its answer has no body: one byte already says that it is not Authgear's.
            body_limit: 0,
            time_limit: self.deadline.saturating_sub(clock::monotonic()),
        };
        background::start(&outgoing, self)
    }

    /// A reload may have ended the configuration that it was asked under: its memory is gone then too.
    fn with_site<R>(self: Box<Self>, with: impl FnOnce(Box<Self>, Option<&Site>) -> R) -> R {
        let resolver = self.resolver;
        conf::with_site(|site| site.resolver_id == resolver, |site| with(self, site))
    }

    /// What it says of the token that it was asked about alone.
    fn interpret(&self, site: Option<&Site>, reading: &Result<Reading, Why>) -> Option<Interpretation> {
        let AnswerUse::OfToken { asked_token, .. } = &self.use_of else {
            return None;
        };
        let is_proven = is_proven(site?, self.configuration);
        let sub = asked_token.claimed.user_id();
        Some(freshness::interpret(
            reading.clone(),
            self.cookie_choice,
            sub,
            is_proven,
        ))
    }

    /// Silence: asks once more, with a made-up cookie. The permit is kept, and what is left of the time.
    fn ask_again(mut self: Box<Self>, site: Option<&Site>) {
        let site = match (site, self.hindrance()) {
            (Some(site), None) => site,
            (_, why) => return self.give_up(site, why.unwrap_or(Why::Abandoned)),
        };
        self.cookie_choice = CookieChoice::WithMadeUp;
        self.sent_at = clock::monotonic();
        self.set_cookies.clear();
        let key = self.key;
        if self.send(site).is_err() {
            QUESTIONS.with_borrow_mut(|flights| flights.remove(&key));
            note(site, &Err(Why::NoConnection));
            metrics::count_asked(Asked::Failed(Why::NoConnection), None);
        }
    }

    /// Why it can't be asked again.
    fn hindrance(&self) -> Option<Why> {
        if self.deadline <= clock::monotonic() {
            return Some(Why::TimedOut);
        }
        let is_unwanted = worker::is_leaving() && !self.is_awaited();
        // Both answers count only together: to the same question, asked the same way.
        (is_unwanted || zone::configuration() != self.configuration).then_some(Why::Abandoned)
    }

    fn give_up(self: Box<Self>, site: Option<&Site>, why: Why) {
        self.finish(site, Err(why), Some(TokenAnswer::Unknown(why)));
    }

    fn finish(
        self: Box<Self>,
        site: Option<&Site>,
        reading: Result<Reading, Why>,
        token_answer: Option<TokenAnswer>,
    ) {
        QUESTIONS.with_borrow_mut(|flights| flights.remove(&self.key));
        if let Some(site) = site {
            self.use_up(site, &reading, token_answer.as_ref());
        }
        let Self {
            permit,
            leader,
            set_cookies,
            ..
        } = *self;
        drop(permit);
        leader.finish(Reply {
            reading,
            token_answer,
            set_cookies,
        });
    }

    /// What the answer is good for beyond those who wait.
    fn use_up(&self, site: &Site, reading: &Result<Reading, Why>, token_answer: Option<&TokenAnswer>) {
        note(site, reading);
        match reading {
            Ok(Reading::Valid(_)) => note_yes(site, self.configuration),
            Ok(Reading::Silent) if self.cookie_choice == CookieChoice::WithMadeUp => {
                if has_said_yes(site, self.configuration) {
                    report::log_silence(site);
                }
            }
            Ok(Reading::Silent | Reading::Invalid | Reading::Unknown(_)) | Err(_) => {}
        }
        match (&self.use_of, reading, token_answer) {
            (AnswerUse::Remember { exp }, Ok(reading), _) => {
                memory::keep_answer(site, &self.key, reading, *exp)
            }
            (
                AnswerUse::OfToken {
                    asked_token,
                    asked,
                    interval,
                },
                _,
                Some(answer),
            ) => {
                if matches!(answer, TokenAnswer::Yes(_)) {
                    prove(site, self.configuration);
                }
                let pause = pause(site, *interval);
                memory::learn(site, asked_token, &self.key, answer, *asked, pause);
                report::log_token_answer(site, answer);
            }
            (AnswerUse::Remember { .. } | AnswerUse::OfToken { .. } | AnswerUse::Nothing, _, _) => {}
        }
    }
}

impl Recipient for PendingQuestion {
    fn is_awaited(&self) -> bool {
        self.leader.is_awaited()
    }

    fn header(&mut self, status: u16, headers: &Headers<'_>) {
        let (mut reader, cookie_choice) = (Reader::new(status), self.cookie_choice);
        headers.each(|name, value| {
            reader.header(name, value);
            if name.eq_ignore_ascii_case(b"set-cookie")
                && resolver::keeps_set_cookie(value, &self.prefix, cookie_choice)
            {
                self.set_cookies.push(value.to_vec());
            }
        });
        self.reading = Some(reader.reading(true));
    }

    fn end(mut self: Box<Self>, outcome: Outcome) {
        if outcome.end != End::Answered {
            self.set_cookies.clear();
        }
        let reading = reading_of(&outcome, self.reading.take());
        let took = clock::monotonic().saturating_sub(self.sent_at);
        metrics::count_asked(asked(&reading), Some(took));
        self.with_site(|own, site| match own.interpret(site, &reading) {
            Some(Interpretation::AskAgain) => later::run(move || own.with_site(Self::ask_again)),
            Some(Interpretation::Answer(answer)) => own.finish(site, reading, Some(answer)),
            None => own.finish(site, reading, None),
        });
    }
}

/// What an answer counts as.
fn asked(reading: &Result<Reading, Why>) -> Asked {
    match reading {
        Ok(Reading::Valid(_)) => Asked::Valid,
        Ok(Reading::Invalid) => Asked::Invalid,
        Ok(Reading::Silent) => Asked::Silent,
        Ok(Reading::Unknown(answer)) => Asked::Failed(Why::Answer(*answer)),
        Err(why) => Asked::Failed(*why),
    }
}

/// What a background request's end comes to, when its header meant `reading`.
fn reading_of(outcome: &Outcome, reading: Option<Reading>) -> Result<Reading, Why> {
    match (outcome.end, reading) {
        (End::Answered, Some(reading)) => Ok(reading),
        (End::TooLarge, _) => Ok(Reader::new(outcome.status).reading(false)),
        (End::HeaderTooLarge, _) => Ok(Reading::Unknown(UnknownAnswer::TooLarge)),
        (End::Stored | End::Redirected, _) => Err(Why::NotAuthgears),
        (End::CutShort, _) | (End::Answered, None) => Err(Why::CutShort),
        (End::Unreachable, _) => Err(Why::Unreachable),
        (End::TimedOut, _) => Err(Why::TimedOut),
        (End::Abandoned, _) => Err(Why::Abandoned),
    }
}
