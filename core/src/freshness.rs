//! How fresh a locally verified token is, and what the resolver's answer about it means.
//!
//! What the resolver said of a token is knowledge: it counts until it answers again. A token is confirmed by
//! being issued and by each yes. Young, it is served; older than the interval, it is served and asked about;
//! older than the hard bound, it is asked about first.

use crate::made_up::CookieChoice;
use crate::resolver::Reading;
use crate::session::Session;
use crate::verdict::Why;

/// `authgear_revalidate`, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revalidate {
    /// Older than this a token is asked about, while it is served.
    pub interval: u64,
    /// Older than this it is asked about first.
    pub max: u64,
}

/// What holds where a request arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether somebody can be asked.
    pub asks: bool,
    /// `None`: nobody is asked for the token's age.
    pub revalidate: Option<Revalidate>,
    /// `authgear_stale_if_error`, in milliseconds.
    pub stale_if_error: u64,
    /// Allowed clock difference, in seconds.
    pub leeway: u64,
}

/// The clocks, and what the memory knows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970.
    pub unix: u64,
    /// Milliseconds on the clock that never jumps.
    pub monotonic: u64,
    /// Milliseconds since the memory was made.
    pub age: u64,
    /// What was known of tokens issued until then, in seconds since 1970, may have been lost; 0: nothing was.
    pub lost_until: u64,
}

/// What is known of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What the resolver said last.
    pub last_answer: LastAnswer,
    /// When, in milliseconds on the monotonic clock.
    pub at: u64,
    /// Nobody else has to ask in the background until then, likewise.
    pub asked_until: u64,
    /// When the token was issued, in seconds since 1970.
    pub iat: u64,
}

/// What the resolver said of a token last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastAnswer {
    /// It was asked, and has not answered yet.
    Nothing,
    /// Yes; with the session that it gave, where that is not the one of the claims.
    Yes(Option<Session>),
    /// No.
    No(Rejection),
    /// Yes, with a session that is too long to be remembered.
    TooLong,
}

/// Why a token that verifies is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Its session was revoked, or its user deleted: the server goes on to the next credential.
    Ended,
    /// Its user may not, for now: the server looks no further.
    Barred,
}

/// How fresh a locally verified token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It is good, with the resolver's session in place of the claims' where that is known; and whether it is
    /// to be asked about.
    Good {
        /// The resolver's session.
        session: Option<Session>,
        /// Somebody should ask, while it is served.
        is_due: bool,
    },
    /// It is worth nothing.
    Rejected(Rejection),
    /// It has to be asked about first.
    AskFirst(Fallback),
}

/// What a token counts as when nobody answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// Still what the resolver said last.
    Rejected(Rejection),
    /// Good while the resolver fails: with its session in place of the claims', where that is known.
    Stale(Option<Session>),
    /// No verdict.
    Unknown,
}

/// What an answer to a question about a token alone means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenAnswer {
    /// The token is good, and this is its session.
    Yes(Session),
    /// It was answered for somebody else: never this token's user.
    AnotherUser,
    /// No.
    No(Rejection),
    /// It knows nothing of the token, and under this configuration has not yet said yes to one: it may be
    /// asked the wrong way.
    Unproven,
    /// It says nothing about the token.
    Unknown(Why),
}

/// What one answer to a question about a token alone comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interpretation {
    /// It means this.
    Answer(TokenAnswer),
    /// Nothing yet: the token is to be asked about once more, with a made-up cookie.
    AskAgain,
}

/// How fresh the token is that was issued at `iat` (seconds since 1970). `spread` moves its interval, so that
/// not all tokens are due at once: 0 is the whole interval, [`u16::MAX`] four fifths of it.
#[must_use]
pub fn assess(known: Option<Known>, iat: u64, spread: u16, rules: &Rules, moment: &Moment) -> Freshness {
    let (asked_until, confirmed, session) = match known {
        Some(Known {
            last_answer: LastAnswer::No(rejection),
            at,
            ..
        }) => return still_rejected(rejection, at, rules, moment),
        Some(Known {
            last_answer: LastAnswer::TooLong,
            ..
        }) => return Freshness::AskFirst(Fallback::Unknown),
        Some(Known {
            last_answer: LastAnswer::Yes(session),
            at,
            asked_until,
            ..
        }) => (asked_until, Some(at), session),
        Some(Known {
            last_answer: LastAnswer::Nothing,
            asked_until,
            ..
        }) => (asked_until, None, None),
        None => (0, None, None),
    };
    let may_be_lost = moment.lost_until > 0 && iat <= moment.lost_until.saturating_add(rules.leeway);
    if rules.asks && confirmed.is_none() && may_be_lost {
        return Freshness::AskFirst(Fallback::Unknown);
    }
    let Some(revalidate) = rules.revalidate.filter(|_| rules.asks) else {
        return Freshness::Good {
            session,
            is_due: false,
        };
    };
    let issued = moment.unix.saturating_sub(iat).saturating_mul(1000);
    let age = confirmed.map_or(issued, |at| moment.monotonic.saturating_sub(at).min(issued));
    if age <= revalidate.max || moment.age < revalidate.max {
        let is_due = age >= spread_over(revalidate.interval, spread) && asked_until <= moment.monotonic;
        return Freshness::Good { session, is_due };
    }
    Freshness::AskFirst(
        if age.saturating_sub(revalidate.max) <= rules.stale_if_error && rules.stale_if_error > 0 {
            Fallback::Stale(session)
        } else {
            Fallback::Unknown
        },
    )
}

/// A no counts for an interval; then it is asked about first, and counts on until somebody answers.
fn still_rejected(rejection: Rejection, at: u64, rules: &Rules, moment: &Moment) -> Freshness {
    match rules.revalidate.filter(|_| rules.asks) {
        Some(revalidate) if moment.monotonic.saturating_sub(at) >= revalidate.interval => {
            Freshness::AskFirst(Fallback::Rejected(rejection))
        }
        Some(_) | None => Freshness::Rejected(rejection),
    }
}

fn spread_over(interval: u64, spread: u16) -> u64 {
    let fifth = interval.checked_div(5).unwrap_or(0);
    let part = fifth.saturating_mul(u64::from(spread)) >> 16;
    interval.saturating_sub(part)
}

/// What a reading of an answer comes to, about the token of the user `sub` alone, asked with this choice of
/// cookie. `is_proven`: the resolver, asked this way, has said yes to some token under the running
/// configuration.
///
/// `false` means another thing each time: without a made-up cookie it is about the token, with one it is
/// about the cookie.
#[must_use]
pub fn interpret(
    reading: Result<Reading, Why>,
    cookie_choice: CookieChoice,
    sub: &str,
    is_proven: bool,
) -> Interpretation {
    Interpretation::Answer(match (reading, cookie_choice) {
        (Ok(Reading::Valid(session)), _) if session.user_id() == sub => TokenAnswer::Yes(session),
        (Ok(Reading::Valid(_)), _) => TokenAnswer::AnotherUser,
        (Ok(Reading::Invalid), CookieChoice::AsItIs) => TokenAnswer::No(Rejection::Barred),
        (Ok(Reading::Invalid), CookieChoice::WithMadeUp) if is_proven => TokenAnswer::No(Rejection::Ended),
        (Ok(Reading::Invalid), CookieChoice::WithMadeUp) => TokenAnswer::Unproven,
        (Ok(Reading::Silent), CookieChoice::AsItIs) => return Interpretation::AskAgain,
        (Ok(Reading::Silent), CookieChoice::WithMadeUp) => TokenAnswer::Unknown(Why::Silent),
        (Ok(Reading::Unknown(answer)), _) => TokenAnswer::Unknown(Why::Answer(answer)),
        (Err(why), _) => TokenAnswer::Unknown(why),
    })
}

impl Known {
    /// What is known once the resolver has given `answer` about a token whose claims speak of `claimed`,
    /// asked at `asked` and answering at `now` (milliseconds on the monotonic clock); `None` when nothing
    /// changes. Where it says nothing, nobody asks in the background before `pause` is over.
    #[must_use]
    pub fn after(
        before: Option<Self>,
        answer: &TokenAnswer,
        claimed: &Session,
        iat: u64,
        times: &Times,
    ) -> Option<Self> {
        let Some(last_answer) = answer.to_remember(claimed) else {
            return before.map(|known| Self {
                asked_until: times.now.saturating_add(times.pause),
                ..known
            });
        };
        let is_no = matches!(last_answer, LastAnswer::No(_));
        // A yes that was on its way when somebody else got another answer may be the older of the two.
        let is_overtaken = |known: &Self| known.last_answer != LastAnswer::Nothing && known.at > times.asked;
        if !is_no && before.as_ref().is_some_and(is_overtaken) {
            return None;
        }
        Some(Self {
            last_answer,
            // A yes is as old as its question, a no as young as its answer.
            at: if is_no { times.now } else { times.asked },
            asked_until: 0,
            iat,
        })
    }
}

/// The times of a question, in milliseconds; those that are moments on the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When it was asked.
    pub asked: u64,
    /// When it ended.
    pub now: u64,
    /// How long it is left alone if it brought nothing.
    pub pause: u64,
}

impl TokenAnswer {
    /// What is to be remembered of it about a token whose claims speak of `claimed`; `None` when nothing
    /// changes.
    #[must_use]
    pub fn to_remember(&self, claimed: &Session) -> Option<LastAnswer> {
        match self {
            Self::Yes(session) => Some(LastAnswer::Yes((session != claimed).then(|| session.clone()))),
            Self::AnotherUser => Some(LastAnswer::No(Rejection::Ended)),
            Self::No(rejection) => Some(LastAnswer::No(*rejection)),
            Self::Unproven | Self::Unknown(_) => None,
        }
    }
}
