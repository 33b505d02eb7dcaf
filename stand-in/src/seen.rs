//! What was asked of us, for tests that count questions.
//!
//! Always holds: at most 10,000 entries and 64 MiB; counting goes on when logging is off.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde_json::{json, Value};

const MOST: usize = 10_000;
const MOST_BYTES: usize = 64 << 20;

/// One request.
pub struct Entry {
    pub target: &'static str,
    pub listener: &'static str,
    pub method: Vec<u8>,
    pub path: Vec<u8>,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub body_length: u64,
    pub connection: u64,
}

impl Entry {
    fn size(&self) -> usize {
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| name.len().saturating_add(value.len()));
        headers.fold(self.path.len().saturating_add(256), usize::saturating_add)
    }
}

/// Bytes as text: UTF-8 where they are that, else one character a byte.
pub fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// The log and the counters of one side.
pub struct Seen {
    log: bool,
    start: Instant,
    entries: Mutex<(VecDeque<(u128, Entry)>, usize)>,
    counts: [AtomicU64; 4],
    connection: AtomicU64,
}

/// What is counted.
#[derive(Clone, Copy)]
pub enum Count {
    Resolver = 0,
    Jwks = 1,
    Connections = 2,
    Requests = 3,
}

impl Seen {
    /// An empty log; without `log` only the counters work.
    pub fn new(log: bool) -> Self {
        Self {
            log,
            start: Instant::now(),
            entries: Mutex::default(),
            counts: Default::default(),
            connection: AtomicU64::new(0),
        }
    }

    /// Counts one.
    pub fn count(&self, what: Count) {
        if let Some(counter) = self.counts.get(what as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many since the log was cleared.
    pub fn counted(&self, what: Count) -> u64 {
        self.counts
            .get(what as usize)
            .map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// A number for a new connection, never used before.
    pub fn connection(&self) -> u64 {
        self.connection.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes a request down.
    pub fn write(&self, entry: impl FnOnce() -> Entry) {
        if !self.log {
            return;
        }
        let entry = entry();
        let at = self.start.elapsed().as_millis();
        let mut guard = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (entries, bytes) = &mut *guard;
        *bytes = bytes.saturating_add(entry.size());
        entries.push_back((at, entry));
        while entries.len() > MOST || *bytes > MOST_BYTES {
            let Some((_, oldest)) = entries.pop_front() else {
                break;
            };
            *bytes = bytes.saturating_sub(oldest.size());
        }
    }

    /// Forgets everything and counts from nought.
    pub fn clear(&self) {
        *self.entries.lock().unwrap_or_else(PoisonError::into_inner) = Default::default();
        for counter in &self.counts {
            counter.store(0, Ordering::Relaxed);
        }
    }

    /// All of it, oldest first.
    pub fn list(&self) -> Vec<Value> {
        let guard = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (entries, _) = &*guard;
        entries
            .iter()
            .map(|(at, entry)| {
                let headers: Vec<_> = entry
                    .headers
                    .iter()
                    .map(|(n, v)| json!([text(n), text(v)]))
                    .collect();
                json!({
                    "target": entry.target, "listener": entry.listener, "method": text(&entry.method),
                    "path": text(&entry.path), "headers": headers, "body_length": entry.body_length,
                    "connection": entry.connection, "at_ms": u64::try_from(*at).unwrap_or(u64::MAX),
                })
            })
            .collect()
    }
}
