//! What the resolver is asked, and who waits for its answer.
//!
//! The same question, raised again while it is under way, is not asked again. A question belongs to no client: whoever leaves, it
//! goes on for the others. What its answer is worth to later requests is kept here, once, when it lands.

use std::cell::RefCell;
use std::rc::Rc;

use authgear_core::flow::Subject;
use authgear_core::freshness::{self, Said};
use authgear_core::jws;
use authgear_core::resolver::{self, Question, Reader, Reading, UnknownAnswer};
use authgear_core::table::Key;
use authgear_core::verdict::Why;

use crate::conf::{Location, Millis, Site};
use crate::digest::{Digest, DigestMap};
use crate::ffi::errand::{self, End, Headers, Order, Outcome, Recipient};
use crate::ffi::headers::name::{AUTHORIZATION, COOKIE, USER_AGENT, X_FORWARDED_FOR};
use crate::ffi::request::{bytes, Request};
use crate::ffi::zone::{self, Secret};
use crate::ffi::{clock, conf, tick};
use crate::flight::{Flight, Pilot};
use crate::memory;
use crate::places;
use crate::refusal;
use crate::resolver::{is_proven, note, permit, prove, Permit, Purpose};

/// Milliseconds that a question may take, whatever its location is configured to.
pub const TIME_LIMIT: Millis = 5_000;

/// What a question brought.
pub struct Reply {
    /// The answer's meaning, or why there is none.
    pub reading: Result<Reading, Why>,
    /// What it says of the token that it was asked about alone.
    pub said: Option<Said>,
    /// The answer's `Set-Cookie` headers that name one of the project's own cookies for its domain.
    pub set_cookies: Vec<Vec<u8>>,
}

impl Default for Reply {
    fn default() -> Self {
        Self {
            reading: Err(Why::Abandoned),
            said: None,
            set_cookies: Vec::new(),
        }
    }
}

thread_local! {
    static UNDER_WAY: RefCell<DigestMap<Rc<Flight<Reply>>>> = RefCell::new(DigestMap::default());
}

/// Who asks, and where.
#[derive(Clone, Copy)]
pub struct Asker<'r> {
    pub request: Request<'r>,
    pub site: &'r Site,
    pub location: &'r Location,
}

/// What becomes of an answer, besides being told to those who wait.
enum Use {
    /// It is the answer to this question until another comes.
    Keep {
        exp: Option<u64>,
    },
    /// It is what the resolver says of this token.
    Learn {
        subject: Subject,
        asked: Millis,
        interval: Millis,
    },
    Nothing,
}

impl Asker<'_> {
    /// Asks, or joins those who wait for the same answer; or says why nobody is asked.
    pub fn ask(self, question: &Question) -> Result<Rc<Flight<Reply>>, Why> {
        let key = places::of_answer(&secret()?, self.location, question);
        // Where no answer is used again, some other location may use an earlier one.
        let keep = || match self.site.longest_cache {
            Some(_) => Use::Keep {
                exp: earliest_end(question),
            },
            None => Use::Nothing,
        };
        self.join(key, question, Purpose::Verdict, keep)
    }

    /// The same about a verified token alone.
    pub fn ask_alone(self, subject: &Subject) -> Result<Rc<Flight<Reply>>, Why> {
        let key = places::of_knowledge(&secret()?, self.site, subject.token.as_bytes());
        self.about(subject, Purpose::Verdict, key)
    }

    /// Asks about a verified token, for nobody: unless somebody does, or may not.
    pub fn ask_in_background(self, subject: &Subject) {
        let Ok(secret) = secret() else { return };
        let key = places::of_knowledge(&secret, self.site, subject.token.as_bytes());
        if tick::is_leaving() || is_under_way(&key) || !memory::claim(self.site, subject, &key) {
            return;
        }
        if self.about(subject, Purpose::Freshness, key).is_err() {
            // Skipped: the token is due still, and the next request about it tries again after a pause.
            memory::learn(
                self.site,
                subject,
                &key,
                &Said::Unknown(Why::Limit),
                clock::monotonic(),
                self.interval(),
            );
        }
    }

    fn interval(self) -> Millis {
        self.location
            .rules
            .revalidate
            .map_or(Millis::MAX, |revalidate| revalidate.interval)
    }

    fn about(self, subject: &Subject, purpose: Purpose, key: Key) -> Result<Rc<Flight<Reply>>, Why> {
        let learn = || Use::Learn {
            subject: subject.clone(),
            asked: clock::monotonic(),
            interval: self.interval(),
        };
        self.join(key, &Question::about_token(&subject.token), purpose, learn)
    }

    fn join(
        self,
        key: Key,
        question: &Question,
        purpose: Purpose,
        use_of: impl FnOnce() -> Use,
    ) -> Result<Rc<Flight<Reply>>, Why> {
        if let Some(flight) = UNDER_WAY.with_borrow(|flights| flights.get(&key).cloned()) {
            return Ok(flight);
        }
        let permit = permit(self.site, purpose)?;
        let flight = Rc::new(Flight::new());
        UNDER_WAY.with_borrow_mut(|flights| flights.insert(key, Rc::clone(&flight)));
        let arrival = Box::new(Arrival {
            key,
            permit,
            pilot: Pilot::of(&flight),
            resolver: self.site.resolver_id,
            prefix: self.site.cookie_prefix.clone(),
            use_of: use_of(),
            reading: None,
            set_cookies: Vec::new(),
        });
        if self.send(question, arrival).is_err() {
            UNDER_WAY.with_borrow_mut(|flights| flights.remove(&key));
            note(self.site, &Err(Why::NoConnection));
            return Err(Why::NoConnection);
        }
        Ok(flight)
    }

    fn send(self, question: &Question, arrival: Box<Arrival>) -> Result<(), errand::CannotStart> {
        let (mut agent, mut forwarded) = (None, None);
        self.request.each_header(|element| {
            let (name, value) = (bytes(&element.key), bytes(&element.value));
            if name.eq_ignore_ascii_case(b"user-agent") {
                agent.get_or_insert(value);
            } else if name.eq_ignore_ascii_case(b"x-forwarded-for") {
                join(&mut forwarded, value);
            }
        });
        let order = Order {
            server: self.site.server,
            uri: &self.site.resolve_request,
            host: self.site.endpoint.host(),
            headers: &[
                (
                    AUTHORIZATION,
                    question.authorization.as_deref().map(str::as_bytes),
                ),
                (COOKIE, question.cookie.as_deref().map(str::as_bytes)),
                (USER_AGENT, agent),
                (X_FORWARDED_FOR, forwarded.as_deref()),
            ],
            asker: Some(self.request),
            // Its answer has no body: one byte already says that it is not Authgear's.
            body_limit: 0,
            time_limit: TIME_LIMIT,
        };
        errand::start(&order, arrival)
    }
}

/// What places depend on; there is no zone only where nobody resolves.
fn secret() -> Result<Secret, Why> {
    let zone = zone::memory().ok_or(Why::NoConnection)?;
    Ok(zone.secret())
}

fn is_under_way(key: &Key) -> bool {
    UNDER_WAY.with_borrow(|flights| flights.contains_key(key))
}

/// When the first of a question's tokens ends, in seconds since 1970, whether or not it may be believed.
fn earliest_end(question: &Question) -> Option<u64> {
    let parts = [&question.authorization, &question.cookie];
    let words = parts
        .into_iter()
        .flatten()
        .flat_map(|part| part.split([' ', '=', ';']));
    words.filter_map(jws::claimed_end).min()
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

/// A question on its way back.
struct Arrival {
    key: Key,
    permit: Permit,
    pilot: Pilot<Reply>,
    resolver: Digest,
    /// The project's cookies begin so.
    prefix: String,
    use_of: Use,
    /// What the answer's header means, if no body follows.
    reading: Option<Reading>,
    set_cookies: Vec<Vec<u8>>,
}

impl Recipient for Arrival {
    fn is_awaited(&self) -> bool {
        self.pilot.is_awaited()
    }

    fn header(&mut self, status: u16, headers: &Headers<'_>) {
        let mut reader = Reader::new(status);
        headers.each(|name, value| {
            reader.header(name, value);
            if name.eq_ignore_ascii_case(b"set-cookie") && resolver::keeps_set_cookie(value, &self.prefix) {
                self.set_cookies.push(value.to_vec());
            }
        });
        self.reading = Some(reader.reading(true));
    }

    fn end(self: Box<Self>, outcome: Outcome) {
        UNDER_WAY.with_borrow_mut(|flights| flights.remove(&self.key));
        drop(self.permit);
        let reading = match (outcome.end, self.reading) {
            (End::Answered, Some(reading)) => Ok(reading),
            (End::TooLarge, _) => Ok(Reader::new(outcome.status).reading(false)),
            (End::HeaderTooLarge, _) => Ok(Reading::Unknown(UnknownAnswer::TooLarge)),
            (End::Stored | End::Redirected, _) => Err(Why::NotAuthgears),
            (End::CutShort, _) | (End::Answered, None) => Err(Why::CutShort),
            (End::Unreachable, _) => Err(Why::Unreachable),
            (End::TimedOut, _) => Err(Why::TimedOut),
            (End::Abandoned, _) => Err(Why::Abandoned),
        };
        let is_whole = outcome.end == End::Answered;
        let set_cookies = if is_whole { self.set_cookies } else { Vec::new() };
        let said = use_up(&self.resolver, &self.key, &reading, self.use_of);
        self.pilot.land(Reply {
            reading,
            said,
            set_cookies,
        });
    }
}

/// An answer is there: what it is good for beyond those who wait, and what it says of a token.
fn use_up(resolver: &Digest, key: &Key, reading: &Result<Reading, Why>, use_of: Use) -> Option<Said> {
    // A reload may have ended the configuration that it was asked under: its memory is gone then too.
    let site = conf::sites().find(|site| site.resolver_id == *resolver)?;
    note(site, reading);
    match use_of {
        Use::Keep { exp } => {
            if let Ok(reading) = reading {
                memory::keep_answer(site, key, reading, exp);
            }
            None
        }
        Use::Learn {
            subject,
            asked,
            interval,
        } => {
            let said = freshness::said(reading.clone(), subject.claimed.user_id(), is_proven(site));
            if matches!(said, Said::Yes(_)) {
                prove(site);
            }
            memory::learn(site, &subject, key, &said, asked, interval);
            refusal::log_said(site, &said);
            Some(said)
        }
        Use::Nothing => None,
    }
}
