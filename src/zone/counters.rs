//! What all workers count, in the zone: some numbers of the zone as a whole, and a set of numbers for each
//! server.
//!
//! What always holds: a number is added to at once and without the lock, so whoever is killed loses nothing
//! but what it was about to add; none is forgotten when the rest of the zone is. A server's set is known by
//! a digest, and goes to another server only when all are taken and its own is no longer configured: whoever
//! still counts for that one is told so.

use std::sync::atomic::{AtomicU64, Ordering};

use authgear_core::counted::{Asked, Decided, Fetched, Refused};

use super::owned::{claim, Owned, ID};
use super::{Locked, Zone};

/// Bounds of the times that the resolver took, in milliseconds.
pub const BOUNDS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000];

/// Words of what is counted of one server.
const SERVER: usize = Decided::COUNT + 2 * Refused::COUNT;
/// Words of a server's set.
pub const WORDS: usize = ID + SERVER;
/// Words of what is counted of the zone as a whole, to the end of a line of the processor's cache: last
/// that of the servers that have no set.
pub const TOTALS: usize = (REST_AT + SERVER).next_multiple_of(8);

const ASKED_AT: usize = 0;
const BUCKETS_AT: usize = ASKED_AT + Asked::COUNT;
const SUM_AT: usize = BUCKETS_AT + BOUNDS.len() + 1;
const FETCHED_AT: usize = SUM_AT + 1;
const SINGLE_AT: usize = FETCHED_AT + Fetched::COUNT;
const REST_AT: usize = SINGLE_AT + 3;

/// Something that is counted in one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A verdict went that was not over.
    VerdictEvicted,
    /// Knowledge went that was not over.
    KnowledgeEvicted,
    /// The resolver said no to a token for the first time.
    Revoked,
}

/// The numbers of the zone as a whole.
#[derive(Clone, Copy)]
pub struct Totals<'w>(&'w [AtomicU64; TOTALS]);

/// The numbers of one server, or of all that have no set.
#[derive(Clone, Copy)]
pub struct ServerNumbers<'w>(&'w [AtomicU64]);

/// A server's set.
#[derive(Clone, Copy)]
pub struct ServerSlot<'w>(&'w [AtomicU64; WORDS]);

/// Adds to one, and wraps around as nobody will live to see.
fn add(words: &[AtomicU64], at: usize, by: u64) {
    if let Some(word) = words.get(at) {
        word.fetch_add(by, Ordering::Relaxed);
    }
}

fn read(words: &[AtomicU64], at: usize) -> u64 {
    words.get(at).map_or(0, |word| word.load(Ordering::Relaxed))
}

impl<'w> Totals<'w> {
    pub(super) fn new(words: &'w [AtomicU64; TOTALS]) -> Self {
        Self(words)
    }

    pub fn add(self, event: Event) {
        add(self.0, self.at(event), 1);
    }

    pub fn count(self, event: Event) -> u64 {
        read(self.0, self.at(event))
    }

    fn at(self, event: Event) -> usize {
        SINGLE_AT.saturating_add(match event {
            Event::VerdictEvicted => 0,
            Event::KnowledgeEvicted => 1,
            Event::Revoked => 2,
        })
    }

    /// What came of a question.
    pub fn add_asked(self, asked: Asked) {
        add(self.0, ASKED_AT.saturating_add(asked.place()), 1);
    }

    pub fn asked(self, asked: Asked) -> u64 {
        read(self.0, ASKED_AT.saturating_add(asked.place()))
    }

    /// How long it took, in milliseconds.
    pub fn add_time(self, took: u64) {
        let bucket = BOUNDS.iter().position(|bound| took <= *bound);
        let bucket = bucket.unwrap_or(BOUNDS.len());
        add(self.0, BUCKETS_AT.saturating_add(bucket), 1);
        add(self.0, SUM_AT, took);
    }

    /// How many took at most as long as each bound and longer than the one before; last, longer than all.
    pub fn times(self) -> ([u64; BOUNDS.len() + 1], u64) {
        let mut times = [0; BOUNDS.len() + 1];
        for (index, count) in times.iter_mut().enumerate() {
            *count = read(self.0, BUCKETS_AT.saturating_add(index));
        }
        (times, read(self.0, SUM_AT))
    }

    pub fn add_fetched(self, fetched: Fetched) {
        add(self.0, FETCHED_AT.saturating_add(fetched.place()), 1);
    }

    pub fn fetched(self, fetched: Fetched) -> u64 {
        read(self.0, FETCHED_AT.saturating_add(fetched.place()))
    }

    /// Of all servers that have no set.
    pub fn rest(self) -> ServerNumbers<'w> {
        ServerNumbers(self.0.get(REST_AT..).unwrap_or_default())
    }

    /// Becomes the same as another zone's.
    pub(super) fn copy(self, other: Self) {
        copy(self.0, other.0);
    }

    pub(super) fn clear(self) {
        clear(self.0);
    }
}

fn copy(to: &[AtomicU64], from: &[AtomicU64]) {
    for (to, from) in to.iter().zip(from) {
        to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

fn clear(words: &[AtomicU64]) {
    for word in words {
        word.store(0, Ordering::Relaxed);
    }
}

impl ServerNumbers<'_> {
    pub fn add_decided(self, decided: Decided) {
        add(self.0, decided.place(), 1);
    }

    pub fn decided(self, decided: Decided) -> u64 {
        read(self.0, decided.place())
    }

    pub fn add_refused(self, refused: Refused, dry_run: bool) {
        add(self.0, Self::at(refused, dry_run), 1);
    }

    /// `dry_run`: those that were let in all the same.
    pub fn refused(self, refused: Refused, dry_run: bool) -> u64 {
        read(self.0, Self::at(refused, dry_run))
    }

    fn at(refused: Refused, dry_run: bool) -> usize {
        let before = if dry_run { Refused::COUNT } else { 0 };
        Decided::COUNT
            .saturating_add(before)
            .saturating_add(refused.place())
    }
}

impl Owned for ServerSlot<'_> {
    fn id(&self) -> &[AtomicU64] {
        &self.0[..ID]
    }

    fn numbers(&self) -> &[AtomicU64] {
        &self.0[ID..]
    }
}

impl<'w> ServerSlot<'w> {
    pub(super) fn new(words: &'w [AtomicU64; WORDS]) -> Self {
        Self(words)
    }

    /// What is counted there.
    pub fn server_numbers(self) -> ServerNumbers<'w> {
        ServerNumbers(&self.0[ID..])
    }

    pub(super) fn wipe(self) {
        clear(self.0);
    }
}

impl<'w> Zone<'w> {
    /// What is counted of the zone as a whole.
    pub fn totals(self) -> Totals<'w> {
        self.area.totals()
    }

    /// The set at `at`, if it is still the server's that `id` names: as the first word tells, since this is
    /// asked with each request.
    pub fn server_at(self, at: usize, id: &[u8; 32]) -> Option<ServerNumbers<'w>> {
        let slot = self.area.server_slot(at)?;
        let [first, ..] = slot.0;
        let [wanted, ..] = id.as_chunks().0 else {
            return None;
        };
        (first.load(Ordering::Relaxed) == u64::from_ne_bytes(*wanted)).then(|| slot.server_numbers())
    }

    /// The set that a server has.
    pub fn server(self, id: &[u8; 32]) -> Option<ServerNumbers<'w>> {
        let slot = self.area.server_slots().find(|slot| slot.is(id))?;
        Some(slot.server_numbers())
    }
}

impl Locked<'_> {
    /// Where the set of a server stands, found or taken as [`claim`] says.
    pub fn claim_server(&self, id: &[u8; 32], in_use: impl Fn(&ServerSlot<'_>) -> bool) -> Option<usize> {
        claim(self.area.server_slots(), id, in_use).map(|(index, _)| index)
    }
}
