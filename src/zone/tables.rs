//! The two tables: verdicts, which are a cache, and what the resolver said of tokens, which is knowledge.

use std::sync::atomic::Ordering;

use authgear_core::freshness::Known;
use authgear_core::table::{Entry, Key, Rank, Table};
use nginx::clock;

use super::area::{Area, Secret};
use super::counters::Event;

/// What is remembered in a zone.
#[derive(Clone, Copy)]
pub struct Tables<'w> {
    /// Verified tokens and answers: forgetting one costs work.
    pub verdicts: Table<'w>,
    /// What the resolver said of tokens.
    pub knowledge: Table<'w>,
    pub(super) area: Area<'w>,
}

impl Tables<'_> {
    /// What the keys of its entries depend on.
    pub fn secret(&self) -> Secret {
        self.area.secret().map(|word| word.load(Ordering::Relaxed))
    }

    /// Milliseconds since it was made.
    pub fn age(&self) -> u64 {
        clock::monotonic().saturating_sub(self.area.created())
    }

    /// What was known of tokens issued until then, in seconds since 1970, may be lost.
    pub fn lost_until(&self) -> u64 {
        self.area.lost_until()
    }

    /// Puts knowledge in, for who holds the lock or is alone with it. What it pushes out is noted first, if
    /// that loosens something; only what the resolver said (`is_said`) pushes that out.
    pub fn put_knowledge(
        &self,
        key: &Key,
        (bytes, end, rank): (&[u8], u64, Rank),
        is_said: bool,
        evicted: &mut Entry,
    ) {
        let (slot, goes) = self.knowledge.slot_for(key, clock::unix(), evicted);
        if goes && (is_said || evicted.rank() != Rank::Precious) {
            self.area.totals().add(Event::KnowledgeEvicted);
        }
        if goes && evicted.rank() == Rank::Precious {
            if !is_said {
                return;
            }
            // One that cannot be read may be of any time until now.
            let lost = Known::from_bytes(evicted.bytes()).map_or_else(clock::unix, |known| known.iat);
            self.area.note_loss(lost.max(1));
        }
        self.knowledge.put(slot, key, bytes, end, rank);
    }

    /// Copies what is known out of tables that these are to take the place of.
    pub(super) fn take_over(&self, old: &Tables<'_>) {
        // What is known stands where it stood.
        for (from, to) in old.area.secret().into_iter().zip(self.area.secret()) {
            to.store(from.load(Ordering::Acquire), Ordering::Release);
        }
        self.area.set_created(old.area.created());
        self.area.note_loss(old.lost_until());
        let now = clock::unix();
        let mut evicted = Entry::new();
        old.knowledge.each(|key, entry| {
            if entry.end() > now {
                let as_it_was = (entry.bytes(), entry.end(), entry.rank());
                let is_precious = entry.rank() == Rank::Precious;
                self.put_knowledge(key, as_it_was, is_precious, &mut evicted);
            }
        });
    }
}
