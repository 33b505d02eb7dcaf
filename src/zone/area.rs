//! The area that holds everything: its header, where each part of it lies, and how it is laid out.
//!
//! In order: the header, what is counted of the zone as a whole and of each server, slots for key sets, as
//! many for resolvers, a table of verdicts, a table of knowledge.

use std::sync::atomic::{AtomicU64, Ordering};

use authgear_core::table::Table;
use nginx::clock;
use nginx::zone::Words;
use ring::rand::{SecureRandom, SystemRandom};

use super::counters::{self, ServerSlot, Totals, TOTALS};
use super::key_slot::{self, KeySlot};
use super::owned::Owned;
use super::resolver_slot::{self, ResolverSlot};
use super::Tables;

const MAGIC: u64 = u64::from_be_bytes(*b"authgear");
/// Raise it with any change to what lies in the area, the records of `authgear_core` among it.
const LAYOUT: u64 = 7;
/// What nginx's slab allocator needs for itself, and then some.
const OVERHEAD: usize = 64 * 1024;
/// Slots for projects get at most this part of the zone; the rest is for what is remembered.
const SHARE: usize = 4;
/// Slots that are there at least, where they are no more than their share.
const SPARE: usize = 8;
/// Bytes of a word.
const WORD: usize = size_of::<AtomicU64>();
/// Words of a line of the processor's cache.
const LINE: usize = 64 / WORD;
/// Words of one key set and one resolver.
const PROJECT: usize = key_slot::WORDS + resolver_slot::WORDS;

/// One server's set of numbers for so many words.
const SERVER_SHARE: usize = 32 * 1024 / WORD;
/// Words of the header: two lines.
const HEADER: usize = 16;
const _: () = assert!(HEADER.is_multiple_of(LINE) && TOTALS.is_multiple_of(LINE));

// Where each of its numbers stands; the last four are the secret.
const MAGIC_AT: usize = 0;
const LAYOUT_AT: usize = 1;
/// Set while somebody changes anything under the lock.
const DIRTY_AT: usize = 2;
/// Gives every change of a slot, and every configuration, a number that was never used before.
const VERSIONS_AT: usize = 3;
/// Slots for key sets, and as many for resolvers.
const PROJECTS_AT: usize = 4;
/// Words of each table.
const TABLE_AT: usize = 5;
/// When it was laid out, on the monotonic clock in milliseconds; an older zone's time where its knowledge was
/// taken over.
const CREATED_AT: usize = 6;
/// What was known of tokens issued until then, in seconds since 1970, may be lost.
const LOST_UNTIL_AT: usize = 7;
/// Sets of numbers for servers.
const SERVERS_AT: usize = 8;
/// Words before the slots for projects, and before the tables.
const SLOTS_BEGIN_AT: usize = 9;
const TABLES_BEGIN_AT: usize = 10;

/// Drawn at random when a zone is made: the keys of all entries depend on it.
pub type Secret = [u64; 4];

/// An area that is laid out.
#[derive(Clone, Copy)]
pub struct Area<'w> {
    header: &'w [AtomicU64; HEADER],
    totals: &'w [AtomicU64; TOTALS],
    rest: Words<'w>,
}

/// The smallest zone, in bytes, that has room for so many projects: a key set and a resolver each.
pub fn smallest(projects: usize) -> usize {
    let slots = (PROJECT * WORD)
        .saturating_mul(projects.max(1))
        .saturating_mul(SHARE);
    // nginx describes each page of 4096 bytes in some 24 of them.
    slots.saturating_add(slots / 128).saturating_add(OVERHEAD)
}

/// How many projects an area of so many words gets slots for when `needed` are there now: some more, for
/// those of a later configuration.
fn projects_in(words: usize, needed: usize) -> usize {
    let wanted = needed.saturating_mul(2).max(SPARE);
    wanted.min(words / SHARE / PROJECT)
}

/// Lays an area out that nobody has yet. `false` when it is too small.
pub fn lay_out(words: Words<'_>, needed: usize) -> bool {
    try_to_lay_out(words, needed).is_some()
}

fn try_to_lay_out(words: Words<'_>, needed: usize) -> Option<()> {
    let (header, rest) = words.split_first_chunk::<HEADER>()?;
    let (totals, rest) = rest.split_first_chunk::<TOTALS>()?;
    let projects = projects_in(words.len(), needed);
    let servers = words.len() / SERVER_SHARE;
    let slots = servers.checked_mul(counters::WORDS)?.next_multiple_of(LINE);
    let before = slots.checked_add(projects.checked_mul(PROJECT)?.next_multiple_of(LINE))?;
    // Two tables, each of which begins with a line of its own.
    let lines = rest
        .len()
        .checked_sub(before)?
        .checked_div(LINE)?
        .checked_div(2)?;
    let number = |number: usize| u64::try_from(number).ok();
    for word in [&header[DIRTY_AT], &header[VERSIONS_AT], &header[LOST_UNTIL_AT]] {
        word.store(0, Ordering::Relaxed);
    }
    header[PROJECTS_AT].store(number(projects)?, Ordering::Relaxed);
    header[SERVERS_AT].store(number(servers)?, Ordering::Relaxed);
    header[SLOTS_BEGIN_AT].store(number(slots)?, Ordering::Relaxed);
    header[TABLES_BEGIN_AT].store(number(before)?, Ordering::Relaxed);
    header[TABLE_AT].store(number(lines.checked_mul(LINE)?)?, Ordering::Relaxed);
    header[CREATED_AT].store(clock::monotonic(), Ordering::Relaxed);
    let mut drawn = [0; size_of::<Secret>()];
    SystemRandom::new().fill(&mut drawn).ok()?;
    let area = Area { header, totals, rest };
    for (word, bytes) in area.secret().into_iter().zip(drawn.as_chunks().0) {
        word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
    }
    // What says that a place is free, alone: a large zone takes memory only as it is used.
    area.clear_counters();
    area.forget();
    header[LAYOUT_AT].store(LAYOUT, Ordering::Release);
    header[MAGIC_AT].store(MAGIC, Ordering::Release);
    (projects >= needed && area.tables().is_some()).then_some(())
}

fn count(word: &AtomicU64) -> usize {
    usize::try_from(word.load(Ordering::Acquire)).unwrap_or(0)
}

impl<'w> Area<'w> {
    /// What lay_out() left there, if it is of this layout.
    pub fn of(words: Words<'w>) -> Option<Self> {
        let (header, rest) = words.split_first_chunk::<HEADER>()?;
        let (totals, rest) = rest.split_first_chunk::<TOTALS>()?;
        let is_ours = header[MAGIC_AT].load(Ordering::Acquire) == MAGIC
            && header[LAYOUT_AT].load(Ordering::Acquire) == LAYOUT;
        is_ours.then_some(Self { header, totals, rest })
    }

    /// Key sets and resolvers that it has slots for.
    pub fn projects(&self) -> usize {
        count(&self.header[PROJECTS_AT])
    }

    fn servers(&self) -> usize {
        count(&self.header[SERVERS_AT])
    }

    /// What is counted of the zone as a whole.
    pub fn totals(&self) -> Totals<'w> {
        Totals::new(self.totals)
    }

    fn server_words(&self) -> &'w [[AtomicU64; counters::WORDS]] {
        let slots = self.rest.as_chunks().0;
        slots.get(..self.servers()).unwrap_or_default()
    }

    /// The set of numbers of this index.
    pub fn server_slot(&self, index: usize) -> Option<ServerSlot<'w>> {
        self.server_words().get(index).map(ServerSlot::new)
    }

    pub fn server_slots(self) -> impl Iterator<Item = ServerSlot<'w>> + Clone {
        self.server_words().iter().map(ServerSlot::new)
    }

    /// The words from the slots of one kind on, as many as there are projects.
    fn slots<const N: usize>(&self, before: usize) -> &'w [[AtomicU64; N]] {
        let projects = self.projects();
        let first = count(&self.header[SLOTS_BEGIN_AT]).saturating_add(projects.saturating_mul(before));
        let slots = self.rest.get(first..).unwrap_or_default().as_chunks().0;
        slots.get(..projects).unwrap_or_default()
    }

    /// The slot for a key set of this index.
    pub fn key_slot(&self, index: usize) -> Option<KeySlot<'w>> {
        self.slots(0).get(index).map(KeySlot::new)
    }

    pub fn key_slots(self) -> impl Iterator<Item = KeySlot<'w>> + Clone {
        self.slots(0).iter().map(KeySlot::new)
    }

    pub fn resolver_slots(self) -> impl Iterator<Item = ResolverSlot<'w>> + Clone {
        self.slots(key_slot::WORDS).iter().map(ResolverSlot::new)
    }

    pub fn tables(&self) -> Option<Tables<'w>> {
        let before = count(&self.header[TABLES_BEGIN_AT]);
        let words = count(&self.header[TABLE_AT]);
        let (verdicts, rest) = self.rest.get(before..)?.split_at_checked(words)?;
        let knowledge = rest.get(..words)?;
        Some(Tables {
            verdicts: Table::over(verdicts)?,
            knowledge: Table::over(knowledge)?,
            area: *self,
        })
    }

    /// Leaves nothing that is counted.
    fn clear_counters(&self) {
        self.totals().clear();
        self.server_slots().for_each(ServerSlot::wipe);
    }

    /// Leaves nothing that is remembered; what is counted stays.
    pub fn forget(&self) {
        self.key_slots().for_each(|slot| slot.clear());
        self.resolver_slots().for_each(|slot| slot.clear());
        if let Some(tables) = self.tables() {
            tables.knowledge.clear();
            tables.verdicts.clear();
        }
    }

    pub fn dirty(&self) -> &'w AtomicU64 {
        &self.header[DIRTY_AT]
    }

    pub fn next_version(&self) -> u64 {
        let last = self.header[VERSIONS_AT].fetch_add(1, Ordering::AcqRel);
        last.saturating_add(1)
    }

    /// No version of the other's is ever given here.
    pub fn never_give_again(&self, other: &Area<'_>) {
        let last = other.header[VERSIONS_AT].load(Ordering::Acquire);
        self.header[VERSIONS_AT].fetch_max(last, Ordering::AcqRel);
    }

    pub fn created(&self) -> u64 {
        self.header[CREATED_AT].load(Ordering::Acquire)
    }

    pub fn set_created(&self, created: u64) {
        self.header[CREATED_AT].store(created, Ordering::Release);
    }

    pub fn lost_until(&self) -> u64 {
        self.header[LOST_UNTIL_AT].load(Ordering::Acquire)
    }

    /// Notes, before it happens, that knowledge of a token issued at `iat` gets lost.
    pub fn note_loss(&self, iat: u64) {
        self.header[LOST_UNTIL_AT].fetch_max(iat, Ordering::AcqRel);
    }

    /// See [`Secret`].
    pub fn secret(&self) -> [&'w AtomicU64; 4] {
        let [.., one, two, three, four] = self.header;
        [one, two, three, four]
    }
}
