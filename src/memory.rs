//! What is remembered for all workers: verified tokens, the resolver's answers, and what it said of tokens.
//!
//! Verdicts are a cache: losing one costs work, and each is found only under everything that it depended on.
//! What the resolver said of a token is knowledge: it holds in every location of a server, and losing it is
//! noted before it happens.

use std::cell::{Cell, OnceCell, RefCell};

use authgear_core::flow::{self, AskedToken, Remembered};
use authgear_core::freshness::{self, Fallback, Freshness, Known, LastAnswer, Moment, Times, TokenAnswer};
use authgear_core::jws::Candidate;
use authgear_core::record::{Answer, Token};
use authgear_core::resolver::{Question, Reading};
use authgear_core::table::{Entry, Found, Key, Rank, CAPACITY};

use crate::conf::{Location, Millis, Site};
use nginx::clock;

use crate::cache_key::{self, CacheKeys};
use crate::metrics;
use crate::zone::{self, Tables, Zone};

/// Who asks in the background has so long, before another may.
const LEASE: Millis = 6_000;

thread_local! {
    /// Where entries are copied to: nobody holds it longer than for one look.
    static ENTRY: RefCell<Entry> = const { RefCell::new(Entry::new()) };
}

/// The tables, and the zone in which they lie.
#[derive(Clone, Copy)]
struct Memory<'z> {
    zone: Zone<'z>,
    tables: Tables<'z>,
}

impl<'z> Memory<'z> {
    fn of(zone: Zone<'z>) -> Option<Self> {
        let tables = zone.tables()?;
        Some(Self { zone, tables })
    }
}

/// The memory as one request meets it.
pub struct MemoryView<'r> {
    site: &'r Site,
    location: &'r Location,
    zone: Option<Zone<'r>>,
    /// Looked for when something is asked of it.
    memory: OnceCell<Option<Memory<'r>>>,
    /// The token that was looked for last, by where its bytes lie, and its keys.
    last: Cell<Option<(*const u8, CacheKeys)>>,
}

impl<'r> MemoryView<'r> {
    pub fn new(site: &'r Site, location: &'r Location, zone: Option<Zone<'r>>) -> Self {
        Self {
            site,
            location,
            zone,
            memory: OnceCell::new(),
            last: Cell::new(None),
        }
    }

    fn memory(&self) -> Option<&Memory<'r>> {
        let found = self.memory.get_or_init(|| Memory::of(self.zone?));
        found.as_ref()
    }

    fn tables(&self) -> Option<&Tables<'r>> {
        self.memory().map(|memory| &memory.tables)
    }

    /// The keys of a token: those that were found last are kept, since each token is looked for more than
    /// once.
    fn keys(&self, tables: &Tables<'_>, token: &Candidate<'_>) -> CacheKeys {
        let at: *const u8 = token.bytes().as_ptr();
        match self.last.get() {
            Some((last, keys)) if last == at => keys,
            Some(_) | None => {
                let keys = CacheKeys::of(&tables.secret(), self.site, self.location, token);
                self.last.set(Some((at, keys)));
                keys
            }
        }
    }

    /// The key of the token that was looked for last.
    pub fn last_token(&self) -> Option<Key> {
        self.last.get().map(|(_, keys)| keys.knowledge)
    }

    fn moment(tables: &Tables<'_>) -> Moment {
        Moment {
            unix: clock::unix(),
            monotonic: clock::monotonic(),
            age: tables.age(),
            lost_until: tables.lost_until(),
        }
    }
}

impl flow::VerdictMemory for MemoryView<'_> {
    fn verified(&self, token: &Candidate<'_>) -> Option<Token> {
        let tables = self.tables()?;
        let key = self.keys(tables, token).verdict;
        verdict(tables, &key, |entry| Token::from_bytes(entry.bytes()))
    }

    fn remember(&self, token: &Candidate<'_>, verified: &Token) {
        let Some(memory) = self.memory() else { return };
        let end = verified.exp.saturating_add(self.location.rules.leeway);
        let key = self.keys(&memory.tables, token).verdict;
        put_verdict(memory, &key, &verified.to_bytes(), end);
    }

    fn freshness(&self, token: &Candidate<'_>, iat: u64) -> Freshness {
        let Some(memory) = self.memory() else {
            return Freshness::AskFirst(Fallback::Unknown);
        };
        let key = self.keys(&memory.tables, token).knowledge;
        match ENTRY.with_borrow_mut(|entry| known(memory, &key, entry)) {
            Ok(known) => freshness::assess(
                known,
                iat,
                spread(&key),
                &self.location.rules,
                &Self::moment(&memory.tables),
            ),
            Err(Unreadable) => Freshness::AskFirst(Fallback::Unknown),
        }
    }

    fn answer(&self, question: &Question) -> Option<Remembered> {
        let cache = self.location.cache?;
        let tables = self.tables()?;
        let key = cache_key::of_answer(&tables.secret(), self.location, question);
        let answer = verdict(tables, &key, |entry| {
            let is_over = entry.end() <= clock::unix();
            Answer::from_bytes(entry.bytes()).filter(|_| !is_over)
        })?;
        // How long it counts is said where it is used, not where it was asked for.
        let valid = match answer.session {
            Some(_) => cache.valid,
            None => cache.invalid?,
        };
        let age = clock::monotonic().saturating_sub(answer.at);
        let counts = valid.saturating_add(self.location.rules.stale_if_error);
        (age < counts).then_some(Remembered {
            session: answer.session,
            is_fresh: age < valid,
        })
    }
}

/// The key that [`MemoryView::last_token`] gives of a token of these bytes, and of no other.
pub fn token_key(site: &Site, token: &[u8]) -> Option<Key> {
    let secret = zone::with(|zone| Some(zone?.tables()?.secret()))?;
    Some(cache_key::of_knowledge(&secret, site, token))
}

/// What `read` makes of the entry that stands there among the verdicts.
fn verdict<T>(tables: &Tables<'_>, key: &Key, read: impl FnOnce(&Entry) -> Option<T>) -> Option<T> {
    ENTRY.with_borrow_mut(|entry| match tables.verdicts.find(key, entry) {
        Found::Here => read(entry),
        Found::Absent | Found::Torn => None,
    })
}

/// Moves a token's interval by where it stands, the same for all workers.
fn spread(key: &Key) -> u16 {
    let [.., high, low] = *key;
    u16::from_be_bytes([high, low])
}

/// What stands there cannot be read: whatever it is, it must not be taken for nothing.
struct Unreadable;

fn known(memory: &Memory<'_>, key: &Key, entry: &mut Entry) -> Result<Option<Known>, Unreadable> {
    let Memory { zone, tables } = memory;
    let mut found = tables.knowledge.find(key, entry);
    if found == Found::Torn {
        let _locked = zone.lock();
        found = tables.knowledge.find(key, entry);
    }
    match found {
        Found::Here => Known::from_bytes(entry.bytes()).map(Some).ok_or(Unreadable),
        Found::Absent => Ok(None),
        Found::Torn => Err(Unreadable),
    }
}

fn put_verdict(memory: &Memory<'_>, key: &Key, bytes: &[u8], end: u64) {
    if bytes.len() > CAPACITY {
        return forget_verdict(memory, key);
    }
    let Memory { zone, tables } = memory;
    let mut evicted = Entry::new();
    let _locked = zone.lock();
    let (slot, goes) = tables.verdicts.slot_for(key, clock::unix(), &mut evicted);
    if goes {
        metrics::count_evicted_verdict();
    }
    tables.verdicts.put(slot, key, bytes, end, Rank::Ordinary);
}

/// Does something with the memory, if there is one.
fn with_memory(act: impl for<'z> FnOnce(Memory<'z>)) {
    zone::with(|zone| {
        if let Some(memory) = zone.and_then(Memory::of) {
            act(memory);
        }
    });
}

/// Changes what is known of a token, under the lock; `None` from `change` leaves it.
fn change(site: &Site, key: &Key, exp: u64, change: impl FnOnce(Option<Known>) -> Option<Known>) {
    with_memory(|Memory { zone, tables }| {
        let mut entry = Entry::new();
        let _locked = zone.lock();
        let before = match tables.knowledge.find(key, &mut entry) {
            Found::Here => Known::from_bytes(entry.bytes()),
            Found::Absent | Found::Torn => None,
        };
        let Some(known) = change(before) else { return };
        let rank = match &known.last_answer {
            LastAnswer::Nothing | LastAnswer::Yes(None) => Rank::Ordinary,
            LastAnswer::Yes(Some(_)) | LastAnswer::No(_) | LastAnswer::TooLong => Rank::Precious,
        };
        let end = exp.saturating_add(site.longest_leeway);
        let is_said = known.last_answer != LastAnswer::Nothing;
        let record = known.to_bytes(CAPACITY);
        tables.put_knowledge(key, (&record, end, rank), is_said, &mut entry);
    });
}

/// Whether this worker is to ask about a token in the background: nobody else is at it, as far as there is
/// room to say so.
pub fn claim(site: &Site, asked_token: &AskedToken, key: &Key) -> bool {
    let now = clock::monotonic();
    let mut is_ours = false;
    change(site, key, asked_token.exp, |before| {
        let known = before.unwrap_or(Known {
            last_answer: LastAnswer::Nothing,
            at: 0,
            asked_until: 0,
            iat: asked_token.iat,
        });
        is_ours = known.asked_until <= now;
        is_ours.then(|| Known {
            asked_until: now.saturating_add(LEASE),
            ..known
        })
    });
    is_ours
}

/// Keeps what the resolver said of a token. `asked` is when it was asked; for so long as `pause` it is left
/// alone if that brought nothing.
pub fn learn(
    site: &Site,
    asked_token: &AskedToken,
    key: &Key,
    token_answer: &TokenAnswer,
    asked: Millis,
    pause: Millis,
) {
    let now = clock::monotonic();
    let times = Times { asked, now, pause };
    change(site, key, asked_token.exp, |before| {
        let was_no = before.as_ref().is_some_and(is_no);
        let known = Known::after(
            before,
            token_answer,
            &asked_token.claimed,
            asked_token.iat,
            &times,
        );
        if !was_no && known.as_ref().is_some_and(is_no) {
            metrics::count_revoked();
        }
        known
    });
}

fn is_no(known: &Known) -> bool {
    matches!(known.last_answer, LastAnswer::No(_))
}

/// Keeps an answer for as long as some location of the site may use it, and never past the end of a token in
/// its question (`exp`, in seconds since 1970). It takes the place of an earlier one, also where it is not
/// kept itself: what it contradicts must not be used again.
pub fn keep_answer(site: &Site, key: &Key, reading: &Reading, exp: Option<u64>) {
    let (session, longest) = match reading {
        Reading::Valid(session) => (Some(session.clone()), site.longest_cache.map(|cache| cache.valid)),
        Reading::Invalid => (None, site.longest_cache.and_then(|cache| cache.invalid)),
        Reading::Silent | Reading::Unknown(_) => return,
    };
    if site.longest_cache.is_none() {
        return;
    }
    let answer = Answer {
        session,
        at: clock::monotonic(),
    };
    let Some(longest) = longest else {
        return with_memory(|memory| forget_verdict(&memory, key));
    };
    let seconds = longest.saturating_add(site.longest_stale).div_ceil(1000);
    let end = clock::unix().saturating_add(seconds).saturating_add(1);
    let end = exp.map_or(end, |exp| end.min(exp));
    with_memory(|memory| put_verdict(&memory, key, &answer.to_bytes(), end));
}

fn forget_verdict(Memory { zone, tables }: &Memory<'_>, key: &Key) {
    let mut entry = Entry::new();
    // Nearly always there is nothing to forget, and no lock is taken.
    if tables.verdicts.find(key, &mut entry) == Found::Absent {
        return;
    }
    let _locked = zone.lock();
    tables.verdicts.remove(key);
}
