//! A memory for evaluations that the tests write.

use std::cell::RefCell;
use std::rc::Rc;

use authgear_core::flow::{Action, AskedToken, Remembered, VerdictMemory};
use authgear_core::freshness::{Fallback, Freshness};
use authgear_core::jws::Candidate;
use authgear_core::policy::Mode;
use authgear_core::record::Token;
use authgear_core::resolver::Question;
use authgear_core::session::Session;

use super::evaluation::{good, Evaluation};
use super::NOW;

pub const GOOD: Freshness = Freshness::Good {
    session: None,
    is_due: false,
};
pub const ASK_FIRST: Freshness = Freshness::AskFirst(Fallback::Unknown);

/// A memory that does as it is told, and tells what it was asked.
#[derive(Default)]
pub struct FakeMemory {
    pub verified: RefCell<Vec<(Vec<u8>, Token)>>,
    /// Of each token, by its `iat`; of all others that they are good.
    pub freshnesses: RefCell<Vec<(u64, Freshness)>>,
    pub answer: RefCell<Option<Remembered>>,
    pub questions: RefCell<Vec<Question>>,
}

impl FakeMemory {
    pub fn with_freshness(freshness: Freshness) -> Rc<Self> {
        let memory = Self::default();
        memory.freshnesses.borrow_mut().push((NOW - 60, freshness));
        Rc::new(memory)
    }

    pub fn answering(session: Option<Session>, is_fresh: bool) -> Rc<Self> {
        let memory = Self::default();
        memory.answer.replace(Some(Remembered { session, is_fresh }));
        Rc::new(memory)
    }

    pub fn count(&self) -> usize {
        self.verified.borrow().len()
    }
}

impl VerdictMemory for FakeMemory {
    fn verified(&self, token: &Candidate<'_>) -> Option<Token> {
        let verified = self.verified.borrow();
        let found = verified.iter().find(|(known, _)| known == token.bytes())?;
        Some(found.1.clone())
    }

    fn remember(&self, token: &Candidate<'_>, verified: &Token) {
        let token = token.bytes().to_vec();
        self.verified.borrow_mut().push((token, verified.clone()));
    }

    fn freshness(&self, _: &Candidate<'_>, iat: u64) -> Freshness {
        let freshnesses = self.freshnesses.borrow();
        let found = freshnesses.iter().find(|(of, _)| *of == iat);
        found.map_or(GOOD, |(_, freshness)| freshness.clone())
    }

    fn answer(&self, question: &Question) -> Option<Remembered> {
        self.questions.borrow_mut().push(question.clone());
        self.answer.borrow().clone()
    }
}

pub fn with(memory: &Rc<FakeMemory>, mode: Mode, cookies: &[&str]) -> Evaluation {
    let header = format!("Bearer {}", good());
    Evaluation::new(mode, Some(&header), cookies).remembering(memory.clone())
}

/// The session of the token that [`with`] sends.
pub fn claimed() -> Session {
    super::session(&good())
}

/// The token of the question that comes first.
pub fn alone(action: Action) -> AskedToken {
    match action {
        Action::AskAboutToken(asked_token) => asked_token,
        other => panic!("not asked about alone: {other:?}"),
    }
}
