//! Identities: SHA-256 over parts that each carry their length, so that no two lists of parts give the same
//! bytes.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use ring::digest::{digest, Context, SHA256};

/// A SHA-256.
pub type Digest = [u8; 32];

/// What is known by its digest, whose first bytes are as good as any hash of it.
pub type DigestMap<V> = HashMap<Digest, V, BuildHasherDefault<FirstBytes>>;

/// See [`DigestMap`].
#[derive(Default)]
pub struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The SHA-256 of a file.
pub fn of(bytes: &[u8]) -> Digest {
    array(&digest(&SHA256, bytes))
}

/// A list of parts under way.
pub struct Parts(Context);

impl Parts {
    /// `kind` keeps digests of different things apart.
    pub fn new(kind: &str) -> Self {
        Self(Context::new(&SHA256)).part(kind.as_bytes())
    }

    /// One part.
    pub fn part(mut self, bytes: &[u8]) -> Self {
        self.length(bytes.len());
        self.0.update(bytes);
        self
    }

    /// A list, which is one part: its length, then its own parts.
    pub fn list<'p>(mut self, parts: impl ExactSizeIterator<Item = &'p [u8]>) -> Self {
        self.length(parts.len());
        parts.fold(self, Self::part)
    }

    pub fn finish(self) -> Digest {
        array(&self.0.finish())
    }

    fn length(&mut self, length: usize) {
        self.0
            .update(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
    }
}

fn array(digest: &ring::digest::Digest) -> Digest {
    // SHA-256 is 32 bytes; there is no other outcome.
    digest.as_ref().try_into().unwrap_or_default()
}
