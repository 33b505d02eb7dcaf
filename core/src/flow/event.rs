//! What happened to an evaluation, and what it does next.

use super::AskedToken;
use crate::freshness::TokenAnswer;
use crate::resolver::{Question, Reading};
use crate::verdict::{Verdict, Why};

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
