//! What the resolver is asked, and who waits for its answer.
//!
//! The same question, raised again while it is under way, is not asked again. A question belongs to no client: whoever leaves, it
//! goes on for the others. What its answer is worth to later requests is kept here, once, when it lands.

use std::cell::RefCell;
use std::rc::Rc;

use authgear_core::flow::Subject;
use authgear_core::freshness::{self, Said};
use authgear_core::jws;
use authgear_core::ownership;
use authgear_core::resolver::{self, Answer, Question, Reading};
use authgear_core::table::Key;
use authgear_core::verdict::Why;

use crate::conf::{Location, Millis, Site};
use crate::digest::{Digest, DigestMap};
use crate::ffi::errand::{self, End, Order, Outcome};
use crate::ffi::request::Request;
use crate::ffi::zone::{self, Secret};
use crate::ffi::{clock, conf, tick};
use crate::flight::{Awaited, Flight};
use crate::memory;
use crate::places;
use crate::refusal;
use crate::resolver::{is_proven, note, permit, prove, Purpose};

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
        key: Key,
        exp: Option<u64>,
    },
    /// It is what the resolver says of this token.
    Learn {
        subject: Subject,
        key: Key,
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
                key,
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
            key,
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
        let landing = Rc::clone(&flight);
        let resolver = self.site.resolver_id;
        let prefix = self.site.cookie_prefix.clone();
        let use_of = use_of();
        let on_end = Box::new(move |outcome: Outcome| {
            UNDER_WAY.with_borrow_mut(|flights| flights.remove(&key));
            drop(permit);
            landing.land(arrive(&resolver, reply(&outcome, &prefix), use_of));
        });
        if self.send(question, flight.awaited(), on_end).is_err() {
            UNDER_WAY.with_borrow_mut(|flights| flights.remove(&key));
            note(self.site, &Err(Why::NoConnection));
            return Err(Why::NoConnection);
        }
        Ok(flight)
    }

    fn send(
        self,
        question: &Question,
        awaited: Awaited,
        on_end: Box<dyn FnOnce(Outcome)>,
    ) -> Result<(), errand::CannotStart> {
        let forwarded = joined(self.request.header("x-forwarded-for"));
        let agent = self.request.header("user-agent").next();
        let parts = [
            (
                "Authorization",
                question.authorization.as_deref().map(str::as_bytes),
            ),
            ("Cookie", question.cookie.as_deref().map(str::as_bytes)),
            ("User-Agent", agent),
            ("X-Forwarded-For", forwarded.as_deref()),
        ];
        let headers: Vec<(&'static str, &[u8])> = parts
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        let order = Order {
            server: self.site.server,
            uri: &self.site.resolve_request,
            host: self.site.endpoint.host(),
            headers: &headers,
            asker: Some(self.request),
            awaited,
            keeps_header: |name| ownership::is_ours(name) || name.eq_ignore_ascii_case(b"set-cookie"),
            // Its answer has no body: one byte already says that it is not Authgear's.
            body_limit: 0,
            time_limit: TIME_LIMIT,
        };
        errand::start(&order, on_end)
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
fn joined<'v>(values: impl Iterator<Item = &'v [u8]>) -> Option<Vec<u8>> {
    values.map(<[u8]>::to_vec).reduce(|mut line, value| {
        line.extend_from_slice(b", ");
        line.extend_from_slice(&value);
        line
    })
}

/// An answer is there: what it is good for beyond those who wait.
fn arrive(resolver: &Digest, mut reply: Reply, use_of: Use) -> Reply {
    // A reload may have ended the configuration that it was asked under: its memory is gone then too.
    let Some(site) = conf::sites().find(|site| site.resolver_id == *resolver) else {
        return reply;
    };
    note(site, &reply.reading);
    match use_of {
        Use::Keep { key, exp } => {
            if let Ok(reading) = &reply.reading {
                memory::keep_answer(site, &key, reading, exp);
            }
        }
        Use::Learn {
            subject,
            key,
            asked,
            interval,
        } => {
            let said = freshness::said(reply.reading.clone(), subject.claimed.user_id(), is_proven(site));
            if matches!(said, Said::Yes(_)) {
                prove(site);
            }
            memory::learn(site, &subject, &key, &said, asked, interval);
            refusal::log_said(site, &said);
            reply.said = Some(said);
        }
        Use::Nothing => {}
    }
    reply
}

fn reply(outcome: &Outcome, prefix: &str) -> Reply {
    let mut set_cookies = Vec::new();
    let reading = match outcome.end {
        End::Answered => {
            let headers: Vec<(&[u8], &[u8])> = outcome
                .headers
                .iter()
                .map(|(name, value)| (name.as_slice(), value.as_slice()))
                .collect();
            let kept = headers.iter().filter(|(name, value)| {
                name.eq_ignore_ascii_case(b"set-cookie") && resolver::keeps_set_cookie(value, prefix)
            });
            set_cookies.extend(kept.map(|(_, value)| value.to_vec()));
            Ok(resolver::read(&Answer {
                status: outcome.status,
                headers,
                body_empty: outcome.body.is_empty(),
            }))
        }
        End::TooLarge => Ok(resolver::read(&Answer {
            status: outcome.status,
            headers: Vec::new(),
            body_empty: false,
        })),
        End::Stored | End::Redirected => Err(Why::NotAuthgears),
        End::CutShort => Err(Why::CutShort),
        End::Unreachable => Err(Why::Unreachable),
        End::TimedOut => Err(Why::TimedOut),
        End::Abandoned => Err(Why::Abandoned),
    };
    Reply {
        reading,
        said: None,
        set_cookies,
    }
}
