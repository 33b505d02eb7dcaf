//! What the resolver is asked, and who waits for its answer.
//!
//! The same question, raised again while it is under way, is not asked again. A question belongs to no client: whoever leaves, it
//! goes on for the others.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use authgear_core::resolver::{self, Answer, Question, Reading};
use authgear_core::verdict::Why;
use ring::digest::{Context, SHA256};

use crate::conf::{Location, Site};
use crate::ffi::errand::{self, End, Order, Outcome};
use crate::ffi::request::Request;
use crate::flight::Flight;

/// Milliseconds that a question may take, whatever its location is configured to.
pub const TIME_LIMIT: u64 = 5_000;

/// What a question brought.
pub struct Reply {
    /// The answer's meaning, or why there is none.
    pub reading: Result<Reading, Why>,
    /// The answer's `Set-Cookie` headers that name one of the project's own cookies for its domain.
    pub set_cookies: Vec<Vec<u8>>,
}

type Digest = [u8; 32];

thread_local! {
    static UNDER_WAY: RefCell<HashMap<Digest, Rc<Flight<Reply>>>> = RefCell::new(HashMap::new());
}

/// Asks the resolver of `site`, or joins those who wait for the same answer.
pub fn ask(request: Request<'_>, site: &Site, location: &Location, question: &Question) -> Rc<Flight<Reply>> {
    let digest = digest(location, question);
    if let Some(flight) = UNDER_WAY.with_borrow(|flights| flights.get(&digest).cloned()) {
        return flight;
    }
    let flight = Rc::new(Flight::new());
    UNDER_WAY.with_borrow_mut(|flights| flights.insert(digest, Rc::clone(&flight)));
    let landing = Rc::clone(&flight);
    let prefix = site.cookie_prefix.clone();
    let on_end = Box::new(move |outcome: Outcome| {
        UNDER_WAY.with_borrow_mut(|flights| flights.remove(&digest));
        landing.land(reply(&outcome, &prefix));
    });
    if send(request, site, question, on_end).is_err() {
        UNDER_WAY.with_borrow_mut(|flights| flights.remove(&digest));
        flight.land(Reply {
            reading: Err(Why::NoConnection),
            set_cookies: Vec::new(),
        });
    }
    flight
}

fn send(
    request: Request<'_>,
    site: &Site,
    question: &Question,
    on_end: Box<dyn FnOnce(Outcome)>,
) -> Result<(), errand::CannotStart> {
    let forwarded = joined(request.header("x-forwarded-for"));
    let agent = request.header("user-agent").next();
    let mut headers: Vec<(&'static str, &[u8])> = Vec::with_capacity(4);
    headers.extend(
        question
            .authorization
            .as_deref()
            .map(|value| ("Authorization", value.as_bytes())),
    );
    headers.extend(
        question
            .cookie
            .as_deref()
            .map(|value| ("Cookie", value.as_bytes())),
    );
    headers.extend(agent.map(|value| ("User-Agent", value)));
    headers.extend(forwarded.as_deref().map(|value| ("X-Forwarded-For", value)));
    let order = Order {
        server: site.server,
        uri: &site.resolve_request,
        host: site.endpoint.host(),
        headers: &headers,
        asker: Some(request),
        // Its answer has no body: one byte already says that it is not Authgear's.
        body_limit: 0,
        time_limit: TIME_LIMIT,
    };
    errand::start(&order, on_end)
}

/// Several headers of one name, as one.
fn joined<'v>(values: impl Iterator<Item = &'v [u8]>) -> Option<Vec<u8>> {
    values.map(<[u8]>::to_vec).reduce(|mut line, value| {
        line.extend_from_slice(b", ");
        line.extend_from_slice(&value);
        line
    })
}

/// The place of a question among those under way: everything that its answer could depend on, and nothing else.
fn digest(location: &Location, question: &Question) -> Digest {
    let mut context = Context::new(&SHA256);
    context.update(&location.policy_digest);
    for part in [&question.authorization, &question.cookie] {
        let bytes = part.as_deref().unwrap_or_default().as_bytes();
        context.update(&[u8::from(part.is_some())]);
        context.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(bytes);
    }
    let mut digest = [0; 32];
    for (to, from) in digest.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    digest
}

fn reply(outcome: &Outcome, prefix: &str) -> Reply {
    let none = Vec::new();
    match outcome.end {
        End::Answered => {
            let headers: Vec<(&[u8], &[u8])> = outcome
                .headers
                .iter()
                .map(|(name, value)| (name.as_slice(), value.as_slice()))
                .collect();
            let set_cookies = headers
                .iter()
                .filter(|(name, value)| {
                    name.eq_ignore_ascii_case(b"set-cookie") && resolver::keeps_set_cookie(value, prefix)
                })
                .map(|(_, value)| value.to_vec())
                .collect();
            let answer = Answer {
                status: outcome.status,
                headers,
                body_empty: outcome.body.is_empty(),
            };
            Reply {
                reading: Ok(resolver::read(&answer)),
                set_cookies,
            }
        }
        End::TooLarge => Reply {
            reading: Ok(resolver::read(&Answer {
                status: outcome.status,
                headers: Vec::new(),
                body_empty: false,
            })),
            set_cookies: none,
        },
        End::Stored | End::Redirected => Reply {
            reading: Err(Why::NotAuthgears),
            set_cookies: none,
        },
        End::CutShort => Reply {
            reading: Err(Why::CutShort),
            set_cookies: none,
        },
        End::Unreachable => Reply {
            reading: Err(Why::Unreachable),
            set_cookies: none,
        },
        End::TimedOut => Reply {
            reading: Err(Why::TimedOut),
            set_cookies: none,
        },
        End::Abandoned => Reply {
            reading: Err(Why::Abandoned),
            set_cookies: none,
        },
    }
}
