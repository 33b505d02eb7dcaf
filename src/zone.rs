//! What all workers share: slots for key sets and resolvers, what is counted, a table of verdicts, and a
//! table of what the resolver said of tokens.
//!
//! What always holds: what a worker that was killed was half through changing is thrown away by the next to
//! take the lock, since a word is set while anything changes. Numbers are atomics and may be read at any
//! time, and so may the tables. Nothing long is done under the lock.

mod area;
mod counters;
mod key_slot;
mod owned;
mod resolver_slot;
mod tables;

use std::sync::atomic::Ordering;

use nginx::clock;
use nginx::log::{self, Level};
use nginx::zone::{self, Contents, Lock, Words};

pub use area::{smallest, Secret};
pub use counters::{Event, ServerNumbers, ServerSlot, Totals, BOUNDS};
pub use key_slot::{HeldKeySlot, KeySlot, KeyState, SlotRef};
pub use owned::Owned;
pub use resolver_slot::{HeldResolverSlot, ResolverSlot};
pub use tables::Tables;

use self::area::Area;

/// How nginx's zone is laid out, and taken on by a configuration.
pub static CONTENTS: Contents = Contents {
    has_room: |words, projects| Area::of(words).is_some_and(|area| area.projects() >= projects),
    lay_out: area::lay_out,
    begin,
};

/// The number of the configuration in use: no other that shares this memory ever has it, and its workers all
/// have it. 0: there is no zone.
pub fn configuration() -> u64 {
    zone::configuration()
}

fn begin(words: Words<'_>, is_fresh: bool) -> Option<u64> {
    let area = Area::of(words)?;
    if is_fresh {
        take_over(&area);
    }
    // A reload: whatever was fetched is asked for again, so that removing a key is a reload away.
    for slot in area.key_slots() {
        slot.become_due();
    }
    Some(area.next_version())
}

/// Copies what is counted, and what is known of keys, resolvers and tokens, out of the zone in use into one
/// that is to take its place, since its size is another.
fn take_over(to: &Area<'_>) {
    with(|zone| {
        let Some(zone) = zone else { return };
        let (locked, from) = (zone.lock(), zone.area);
        to.never_give_again(&from);
        for (from, slot) in locked.taken_key_slots().zip(to.key_slots()) {
            slot.become_copy_of(&from);
        }
        let resolvers = from.resolver_slots().filter(|slot| !slot.is_free());
        for (from, slot) in resolvers.zip(to.resolver_slots()) {
            slot.copy(&from);
        }
        let servers = from.server_slots().filter(|slot| !slot.is_free());
        for (from, slot) in servers.zip(to.server_slots()) {
            slot.copy(&from);
        }
        to.totals().copy(from.totals());
        drop(locked);
        if let (Some(old), Some(new)) = (from.tables(), to.tables()) {
            new.take_over(&old);
        }
    });
}

/// The zone in use.
#[derive(Clone, Copy)]
pub struct Zone<'w> {
    inner: zone::Zone<'w>,
    area: Area<'w>,
}

/// Does something with the zone in use, if there is one. `act` can't keep any of it.
pub fn with<R>(act: impl for<'w> FnOnce(Option<Zone<'w>>) -> R) -> R {
    zone::with(|inner| {
        act(inner.and_then(|inner| {
            let area = Area::of(inner.words())?;
            Some(Zone { inner, area })
        }))
    })
}

impl<'w> Zone<'w> {
    /// What is remembered in it.
    pub fn tables(self) -> Option<Tables<'w>> {
        self.area.tables()
    }

    /// What is known of the key set `id`, if it has a slot.
    pub fn key_state(self, id: &[u8; 32]) -> Option<KeyState> {
        self.area.key_slots().find_map(|slot| slot.state_of(id))
    }

    /// All slots for resolvers.
    pub fn resolver_slots(self) -> impl Iterator<Item = ResolverSlot<'w>> {
        self.area.resolver_slots()
    }

    /// Takes its lock.
    pub fn lock(self) -> Locked<'w> {
        let (lock, area) = (self.inner.lock(), self.area);
        let wiped = area.dirty().swap(1, Ordering::AcqRel) != 0;
        if wiped {
            // First the note, then the loss: who reads without the lock meets both or neither.
            area.note_loss(clock::unix());
            area.forget();
        }
        Locked {
            area,
            lock: Some(lock),
            wiped,
        }
    }
}

/// The lock, held. Everything that changes more than one number at a time is done with it.
pub struct Locked<'w> {
    area: Area<'w>,
    /// Given back before anything is said of it.
    lock: Option<Lock<'w>>,
    wiped: bool,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.area.dirty().store(0, Ordering::Release);
        }
        drop(self.lock.take());
        if self.wiped {
            log::process(
                Level::Error,
                "authgear: a worker ended while it changed the shared memory: all that was remembered is forgotten",
            );
        }
    }
}
