//! A memory for walks that the tests write.

use std::cell::RefCell;
use std::rc::Rc;

use authgear_core::flow::{Action, Memory, Remembered, Subject};
use authgear_core::freshness::{Fallback, Standing};
use authgear_core::jws::Candidate;
use authgear_core::policy::Mode;
use authgear_core::record::Token;
use authgear_core::resolver::Question;
use authgear_core::session::Session;

use super::walk::{good, Walk};
use super::NOW;

pub const GOOD: Standing = Standing::Good {
    session: None,
    is_due: false,
};
pub const ASK_FIRST: Standing = Standing::AskFirst(Fallback::Unknown);

/// A memory that does as it is told, and tells what it was asked.
#[derive(Default)]
pub struct Recall {
    pub verified: RefCell<Vec<(Vec<u8>, Token)>>,
    /// Of each token, by its `iat`; of all others that they are good.
    pub standings: RefCell<Vec<(u64, Standing)>>,
    pub answer: RefCell<Option<Remembered>>,
    pub questions: RefCell<Vec<Question>>,
}

impl Recall {
    pub fn standing(standing: Standing) -> Rc<Self> {
        let recall = Self::default();
        recall.standings.borrow_mut().push((NOW - 60, standing));
        Rc::new(recall)
    }

    pub fn answering(session: Option<Session>, is_fresh: bool) -> Rc<Self> {
        let recall = Self::default();
        recall.answer.replace(Some(Remembered { session, is_fresh }));
        Rc::new(recall)
    }

    pub fn count(&self) -> usize {
        self.verified.borrow().len()
    }
}

impl Memory for Recall {
    fn verified(&self, token: &Candidate<'_>) -> Option<Token> {
        let verified = self.verified.borrow();
        let found = verified.iter().find(|(known, _)| known == token.bytes())?;
        Some(found.1.clone())
    }

    fn remember(&self, token: &Candidate<'_>, verified: &Token) {
        let token = token.bytes().to_vec();
        self.verified.borrow_mut().push((token, verified.clone()));
    }

    fn standing(&self, _: &Candidate<'_>, iat: u64) -> Standing {
        let standings = self.standings.borrow();
        let found = standings.iter().find(|(of, _)| *of == iat);
        found.map_or(GOOD, |(_, standing)| standing.clone())
    }

    fn answer(&self, question: &Question) -> Option<Remembered> {
        self.questions.borrow_mut().push(question.clone());
        self.answer.borrow().clone()
    }
}

pub fn with(recall: &Rc<Recall>, mode: Mode, cookies: &[&str]) -> Walk {
    let header = format!("Bearer {}", good());
    Walk::new(mode, Some(&header), cookies).remembering(recall.clone())
}

/// The session of the token that [`with`] sends.
pub fn claimed() -> Session {
    super::session(&good())
}

/// The subject of the question that comes first.
pub fn alone(action: Action) -> Subject {
    match action {
        Action::AskAlone(subject) => subject,
        other => panic!("not asked about alone: {other:?}"),
    }
}
