//! What the resolver is asked, and who waits for its answer.
//!
//! The same question, raised again while it is under way, is not asked again. A question belongs to no
//! client: whoever leaves, it goes on for the others. What its answer is worth to later requests is kept
//! here, once, when it lands.

mod pending;
mod random;

use std::cell::RefCell;
use std::rc::Rc;

use authgear_core::counted::Asked;
use authgear_core::flow::AskedToken;
use authgear_core::freshness::TokenAnswer;
use authgear_core::jws;
use authgear_core::resolver::{Question, Reading};
use authgear_core::table::Key;
use authgear_core::verdict::Why;

use self::pending::{AnswerUse, PendingQuestion, SentQuestion};
use crate::cache_key;
use crate::conf::{Location, Millis, Site};
use crate::digest::DigestMap;
use crate::memory;
use crate::metrics;
use crate::resolver::{self, note, permit, Purpose};
use crate::single_flight::{Leader, SingleFlight};
use crate::zone::{self, Secret};
use nginx::request::Request;
use nginx::{clock, worker};

/// Milliseconds that a question may take, whatever its location is configured to.
pub const TIME_LIMIT: Millis = 5_000;

/// What a question brought.
pub struct Reply {
    /// The answer's meaning, or why there is none.
    pub reading: Result<Reading, Why>,
    /// What it says of the token that it was asked about alone.
    pub token_answer: Option<TokenAnswer>,
    /// The answer's `Set-Cookie` headers that name one of the project's own cookies for its domain.
    pub set_cookies: Vec<Vec<u8>>,
}

impl Default for Reply {
    fn default() -> Self {
        Self {
            // Whoever had it on the way let it go: a second asking could not start.
            reading: Err(Why::NoConnection),
            token_answer: None,
            set_cookies: Vec::new(),
        }
    }
}

thread_local! {
    static QUESTIONS: RefCell<DigestMap<Rc<SingleFlight<Reply>>>> = RefCell::new(DigestMap::default());
}

/// Who asks, and where.
#[derive(Clone, Copy)]
pub struct Asker<'r> {
    pub request: Request<'r>,
    pub site: &'r Site,
    pub location: &'r Location,
}

impl Asker<'_> {
    /// Asks, or joins those who wait for the same answer; or says why nobody is asked.
    pub fn ask(self, question: Question) -> Result<Rc<SingleFlight<Reply>>, Why> {
        let key = cache_key::of_answer(&secret()?, self.location, &question);
        // Where no answer is used again, some other location may use an earlier one.
        let keep = |question: &Question| match self.site.longest_cache {
            Some(_) => AnswerUse::Remember {
                exp: earliest_end(question),
            },
            None => AnswerUse::Nothing,
        };
        self.join(key, question, Purpose::Verdict, keep)
    }

    /// The same about a verified token alone. While the resolver fails nobody waits: that a token is at hand
    /// lets it be tried in the background.
    pub fn ask_about_token(self, asked_token: &AskedToken) -> Result<Rc<SingleFlight<Reply>>, Why> {
        if resolver::is_failing(self.site) {
            self.ask_in_background(asked_token);
            return Err(Why::Failing);
        }
        let key = cache_key::of_knowledge(&secret()?, self.site, asked_token.token.as_bytes());
        self.about(asked_token, Purpose::Verdict, key)
    }

    /// Asks about a verified token, for nobody: unless somebody does, or may not, or it would be in vain.
    pub fn ask_in_background(self, asked_token: &AskedToken) {
        if worker::is_leaving() || resolver::is_left_alone(self.site) {
            return;
        }
        let Ok(secret) = secret() else { return };
        let key = cache_key::of_knowledge(&secret, self.site, asked_token.token.as_bytes());
        if is_under_way(&key) || !memory::claim(self.site, asked_token, &key) {
            return;
        }
        if let Err(why) = self.about(asked_token, Purpose::Freshness, key) {
            // Skipped: the token is due still, and the next request about it tries again after a pause.
            let pause = resolver::pause(self.site, self.interval());
            let answer = TokenAnswer::Unknown(why);
            memory::learn(self.site, asked_token, &key, &answer, clock::monotonic(), pause);
        }
    }

    fn interval(self) -> Millis {
        self.location
            .rules
            .revalidate
            .map_or(Millis::MAX, |revalidate| revalidate.interval)
    }

    fn about(
        self,
        asked_token: &AskedToken,
        purpose: Purpose,
        key: Key,
    ) -> Result<Rc<SingleFlight<Reply>>, Why> {
        let learn = |_: &Question| AnswerUse::OfToken {
            asked_token: asked_token.clone(),
            asked: clock::monotonic(),
            interval: self.interval(),
        };
        self.join(key, Question::about_token(&asked_token.token), purpose, learn)
    }

    fn join(
        self,
        key: Key,
        question: Question,
        purpose: Purpose,
        use_of: impl FnOnce(&Question) -> AnswerUse,
    ) -> Result<Rc<SingleFlight<Reply>>, Why> {
        if let Some(flight) = QUESTIONS.with_borrow(|flights| flights.get(&key).cloned()) {
            return Ok(flight);
        }
        let unasked = |why: &Why| metrics::count_asked(Asked::Failed(*why), None);
        let permit = permit(self.site, purpose).inspect_err(unasked)?;
        let flight = Rc::new(SingleFlight::new());
        QUESTIONS.with_borrow_mut(|flights| flights.insert(key, Rc::clone(&flight)));
        let pending = Box::new(PendingQuestion {
            key,
            permit,
            leader: Leader::of(&flight),
            cookie_choice: question.cookie_choice,
            use_of: use_of(&question),
            sent: Rc::new(SentQuestion::of(question, self.request)),
            deadline: clock::monotonic().saturating_add(TIME_LIMIT),
            resolver: self.site.resolver_id,
            configuration: zone::configuration(),
            prefix: self.site.cookie_prefix.clone(),
            sent_at: clock::monotonic(),
            reading: None,
            set_cookies: Vec::new(),
        });
        if pending.send(self.site).is_err() {
            QUESTIONS.with_borrow_mut(|flights| flights.remove(&key));
            note(self.site, &Err(Why::NoConnection));
            unasked(&Why::NoConnection);
            return Err(Why::NoConnection);
        }
        Ok(flight)
    }
}

/// What cache keys depend on; there is no zone only where nobody resolves.
fn secret() -> Result<Secret, Why> {
    zone::with(|zone| Some(zone?.tables()?.secret())).ok_or(Why::NoConnection)
}

fn is_under_way(key: &Key) -> bool {
    QUESTIONS.with_borrow(|flights| flights.contains_key(key))
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
