//! How fresh a locally verified token is, and what the resolver's word about it means.
//!
//! What the resolver said of a token is knowledge: it counts until it speaks again. A token is confirmed by being issued and by each yes.
//! Young, it is served; older than the interval, it is served and asked about; older than the hard bound, it is asked about first.

use crate::made_up::Manner;
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
    pub word: Word,
    /// When, in milliseconds on the monotonic clock.
    pub at: u64,
    /// Nobody else has to ask in the background until then, likewise.
    pub asked_until: u64,
    /// When the token was issued, in seconds since 1970.
    pub iat: u64,
}

/// What the resolver said of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// It was asked, and has not spoken yet.
    Nothing,
    /// Yes; with the session that it spoke of, where that is not the one of the claims.
    Yes(Option<Session>),
    /// No.
    No(No),
    /// Yes, with a session that is too long to be remembered.
    TooLong,
}

/// Why a token that verifies is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum No {
    /// Its session was revoked, or its user deleted: the server goes on to the next credential.
    Ended,
    /// Its user may not, for now: the server looks no further.
    Barred,
}

/// How a locally verified token stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is good, with the resolver's session in place of the claims' where that is known; and whether it is to be asked about.
    Good {
        /// The resolver's session.
        session: Option<Session>,
        /// Somebody should ask, while it is served.
        is_due: bool,
    },
    /// It is worth nothing.
    Not(No),
    /// It has to be asked about first.
    AskFirst(Fallback),
}

/// What a token counts as when nobody answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// Still what the resolver said last.
    Not(No),
    /// Good while the resolver fails: with its session in place of the claims', where that is known.
    Stale(Option<Session>),
    /// No verdict.
    Unknown,
}

/// What an answer to a question about a token alone means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The token is good, and this is its session.
    Yes(Session),
    /// It was answered for somebody else: never this token's user.
    AnotherUser,
    /// No.
    No(No),
    /// It knows nothing of the token, and under this configuration has not yet said yes to one: it may be asked the wrong way.
    Unproven,
    /// It says nothing about the token.
    Unknown(Why),
}

/// What an answer to one asking about a token alone comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It says this.
    Said(Said),
    /// Nothing yet: the token is to be asked about once more, with a made-up cookie.
    AskAgain,
}

/// How the token stands that was issued at `iat` (seconds since 1970). `spread` moves its interval, so that not all tokens are due at once: 0 is
/// the whole interval, [`u16::MAX`] four fifths of it.
#[must_use]
pub fn standing(known: Option<Known>, iat: u64, spread: u16, rules: &Rules, moment: &Moment) -> Standing {
    let (asked_until, confirmed, session) = match known {
        Some(Known {
            word: Word::No(no),
            at,
            ..
        }) => return still_not(no, at, rules, moment),
        Some(Known {
            word: Word::TooLong, ..
        }) => return Standing::AskFirst(Fallback::Unknown),
        Some(Known {
            word: Word::Yes(session),
            at,
            asked_until,
            ..
        }) => (asked_until, Some(at), session),
        Some(Known {
            word: Word::Nothing,
            asked_until,
            ..
        }) => (asked_until, None, None),
        None => (0, None, None),
    };
    let may_be_lost = moment.lost_until > 0 && iat <= moment.lost_until.saturating_add(rules.leeway);
    if rules.asks && confirmed.is_none() && may_be_lost {
        return Standing::AskFirst(Fallback::Unknown);
    }
    let Some(revalidate) = rules.revalidate.filter(|_| rules.asks) else {
        return Standing::Good {
            session,
            is_due: false,
        };
    };
    let issued = moment.unix.saturating_sub(iat).saturating_mul(1000);
    let age = confirmed.map_or(issued, |at| moment.monotonic.saturating_sub(at).min(issued));
    if age <= revalidate.max || moment.age < revalidate.max {
        let is_due = age >= spread_over(revalidate.interval, spread) && asked_until <= moment.monotonic;
        return Standing::Good { session, is_due };
    }
    Standing::AskFirst(
        if age.saturating_sub(revalidate.max) <= rules.stale_if_error && rules.stale_if_error > 0 {
            Fallback::Stale(session)
        } else {
            Fallback::Unknown
        },
    )
}

/// A no counts for an interval; then it is asked about first, and counts on until somebody answers.
fn still_not(no: No, at: u64, rules: &Rules, moment: &Moment) -> Standing {
    match rules.revalidate.filter(|_| rules.asks) {
        Some(revalidate) if moment.monotonic.saturating_sub(at) >= revalidate.interval => {
            Standing::AskFirst(Fallback::Not(no))
        }
        Some(_) | None => Standing::Not(no),
    }
}

fn spread_over(interval: u64, spread: u16) -> u64 {
    let fifth = interval.checked_div(5).unwrap_or(0);
    let part = fifth.saturating_mul(u64::from(spread)) >> 16;
    interval.saturating_sub(part)
}

/// What a reading of an answer comes to, about the token of the user `sub` alone, asked in this manner. `is_proven`: the resolver, asked this way,
/// has said yes to some token under the running configuration.
///
/// `false` means another thing each time: without a made-up cookie it is about the token, with one it is about the cookie.
#[must_use]
pub fn heard(reading: Result<Reading, Why>, manner: Manner, sub: &str, is_proven: bool) -> Heard {
    Heard::Said(match (reading, manner) {
        (Ok(Reading::Valid(session)), _) if session.user_id() == sub => Said::Yes(session),
        (Ok(Reading::Valid(_)), _) => Said::AnotherUser,
        (Ok(Reading::Invalid), Manner::AsItIs) => Said::No(No::Barred),
        (Ok(Reading::Invalid), Manner::WithMadeUp) if is_proven => Said::No(No::Ended),
        (Ok(Reading::Invalid), Manner::WithMadeUp) => Said::Unproven,
        (Ok(Reading::Silent), Manner::AsItIs) => return Heard::AskAgain,
        (Ok(Reading::Silent), Manner::WithMadeUp) => Said::Unknown(Why::Silent),
        (Ok(Reading::Unknown(answer)), _) => Said::Unknown(Why::Answer(answer)),
        (Err(why), _) => Said::Unknown(why),
    })
}

impl Known {
    /// What is known once the resolver has said `said` of a token whose claims speak of `claimed`, asked at `asked` and answering at `now` (milliseconds on
    /// the monotonic clock); `None` when nothing changes. Where it says nothing, nobody asks in the background before `pause` is over.
    #[must_use]
    pub fn after(
        before: Option<Self>,
        said: &Said,
        claimed: &Session,
        iat: u64,
        times: &Times,
    ) -> Option<Self> {
        let Some(word) = said.word(claimed) else {
            return before.map(|known| Self {
                asked_until: times.now.saturating_add(times.pause),
                ..known
            });
        };
        let is_no = matches!(word, Word::No(_));
        // A yes that was on its way when somebody else heard something may be the older of the two.
        let is_overtaken = |known: &Self| known.word != Word::Nothing && known.at > times.asked;
        if !is_no && before.as_ref().is_some_and(is_overtaken) {
            return None;
        }
        Some(Self {
            word,
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

impl Said {
    /// What is to be remembered of it about a token whose claims speak of `claimed`; `None` when nothing changes.
    #[must_use]
    pub fn word(&self, claimed: &Session) -> Option<Word> {
        match self {
            Self::Yes(session) => Some(Word::Yes((session != claimed).then(|| session.clone()))),
            Self::AnotherUser => Some(Word::No(No::Ended)),
            Self::No(no) => Some(Word::No(*no)),
            Self::Unproven | Self::Unknown(_) => None,
        }
    }
}
