//! One slot: an entry's words, written by one at a time and read by anybody.

use std::sync::atomic::{fence, AtomicU64, Ordering};

use super::{Entry, Found, Rank, CAPACITY};

/// Words of a slot: its number, its key, when it ends, its rank and length, and its bytes.
pub(super) const SLOT: usize = 64;
const KEY: usize = 1;
const END: usize = 5;
const META: usize = 6;
pub(super) const BYTES: usize = 7;

const _: () = assert!(END == KEY + 4 && META == END + 1 && BYTES == META + 1);

/// Looks at a slot that somebody is writing before it counts as [`Found::Torn`].
const LOOKS: usize = 8;

/// What an entry is worth to keep, least first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    /// Nobody stands there, or its time is over.
    Nothing,
    /// Its rank, and whether it was found lately.
    Something(Rank, bool),
}

pub(super) struct Slot<'m>(pub(super) &'m [AtomicU64; SLOT]);

impl Slot<'_> {
    pub(super) fn number(&self) -> &AtomicU64 {
        let [number, ..] = self.0;
        number
    }

    pub(super) fn key(&self) -> [u64; 4] {
        let [_, first, second, third, fourth, ..] = self.0;
        [first, second, third, fourth].map(|word| word.load(Ordering::Relaxed))
    }

    pub(super) fn key_is(&self, words: &[u64; 4]) -> bool {
        self.key() == *words
    }

    /// When it ends, its rank and its length.
    fn about(&self) -> (u64, Rank, usize) {
        let [_, _, _, _, _, end, meta, ..] = self.0;
        let meta = meta.load(Ordering::Relaxed);
        let rank = if meta >> 32 == 0 {
            Rank::Ordinary
        } else {
            Rank::Precious
        };
        let len = usize::try_from(meta & u64::from(u32::MAX)).unwrap_or(CAPACITY);
        (end.load(Ordering::Relaxed), rank, len.min(CAPACITY))
    }

    pub(super) fn worth(&self, now: u64, is_used: bool) -> Worth {
        match self.about() {
            (end, _, _) if end <= now => Worth::Nothing,
            (_, rank, _) => Worth::Something(rank, is_used),
        }
    }

    /// Copies the entry if it is that of `words`, whole.
    pub(super) fn read(&self, words: &[u64; 4], into: &mut Entry) -> Found {
        for _ in 0..LOOKS {
            let before = self.number().load(Ordering::Acquire);
            if before & 1 != 0 {
                std::hint::spin_loop();
                continue;
            }
            let is_it = self.key_is(words) && self.copy(into);
            fence(Ordering::Acquire);
            if self.number().load(Ordering::Relaxed) == before {
                return if is_it { Found::Here } else { Found::Absent };
            }
        }
        Found::Torn
    }

    /// Copies whatever stands there.
    pub(super) fn copy(&self, into: &mut Entry) -> bool {
        let (end, rank, len) = self.about();
        (into.end, into.rank, into.len) = (end, rank, len);
        let words = self.0.get(BYTES..).and_then(|words| words.get(..len.div_ceil(8)));
        let (room, _) = into.bytes.as_chunks_mut();
        for (to, word) in room.iter_mut().zip(words.unwrap_or_default()) {
            *to = word.load(Ordering::Relaxed).to_ne_bytes();
        }
        true
    }

    pub(super) fn write(&self, words: &[u64; 4], bytes: &[u8], end: u64, rank: Rank) {
        // A writer that was killed has left an odd number.
        let writing = self.number().load(Ordering::Relaxed) | 1;
        self.number().store(writing, Ordering::Relaxed);
        fence(Ordering::Release);
        let len = u64::try_from(bytes.len()).unwrap_or(0);
        let meta = match rank {
            Rank::Ordinary => len,
            Rank::Precious => len | 1 << 32,
        };
        let about = words.iter().copied().chain([end, meta]);
        let parts = bytes.chunks(8).map(|part| {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(part) {
                *to = *from;
            }
            u64::from_ne_bytes(word)
        });
        for (to, word) in self.0.iter().skip(KEY).zip(about.chain(parts)) {
            to.store(word, Ordering::Relaxed);
        }
        self.number().store(writing.wrapping_add(1), Ordering::Release);
    }
}
