//! The keys of what is remembered in the shared memory: 256 bits over everything that each depends on.
//!
//! They are HighwayHash under a secret that is drawn when the zone is made and stays in it. Nobody outside
//! can tell where anything stands, so nobody can make a second token or question stand where another does,
//! other than by guessing all the bits. That is all that is asked of such a key; SHA-256, which needs no
//! secret, takes six times as long for a token, longer than all else that is done for one seen before.

use authgear_core::jws::Candidate;
use authgear_core::resolver::Question;
use authgear_core::table::Key;
use highway::{HighwayHash, HighwayHasher};

use crate::conf::{Location, Site};
use crate::digest::Digest;
use crate::zone::Secret;

/// The keys of a verified token among the verdicts, and of what is known of it among the knowledge.
#[derive(Clone, Copy)]
pub struct CacheKeys {
    pub verdict: Key,
    pub knowledge: Key,
}

impl CacheKeys {
    pub fn of(secret: &Secret, site: &Site, location: &Location, token: &Candidate<'_>) -> Self {
        let knowledge = of_knowledge(secret, site, token.bytes());
        // The verdict depends on the location's policy too, which no client chooses.
        let mut verdict = knowledge;
        for (byte, other) in verdict.iter_mut().zip(location.policy_digest) {
            *byte ^= other;
        }
        Self { verdict, knowledge }
    }
}

/// The key of what is known of a token: over all of the token, and who was asked. (No second spelling of it
/// is good: RSASSA-PKCS1-v1_5 has one signature for each key and message, in one encoding, and only a token
/// that verifies has knowledge.)
pub fn of_knowledge(secret: &Secret, site: &Site, token: &[u8]) -> Key {
    let mut hasher = begun(secret, &site.knowledge_id);
    hasher.append(token);
    finished(hasher)
}

/// The key of an answer: over everything that it could depend on, and nothing else.
pub fn of_answer(secret: &Secret, location: &Location, question: &Question) -> Key {
    let mut hasher = begun(secret, &location.policy_digest);
    for part in [&question.authorization, &question.cookie] {
        // One that is missing is not the same as an empty one.
        let length = part.as_ref().map_or(u64::MAX, |text| wide(text.len()));
        hasher.append(&length.to_le_bytes());
        hasher.append(part.as_deref().unwrap_or_default().as_bytes());
    }
    finished(hasher)
}

/// What a key depends on first: a SHA-256 over things of one kind, so that keys of different things are never
/// the same.
fn begun(secret: &Secret, first: &Digest) -> HighwayHasher {
    let mut hasher = HighwayHasher::new(highway::Key(*secret));
    hasher.append(first);
    hasher
}

fn finished(hasher: HighwayHasher) -> Key {
    let mut key = Key::default();
    for (part, word) in key.chunks_exact_mut(8).zip(hasher.finalize256()) {
        part.copy_from_slice(&word.to_ne_bytes());
    }
    key
}

fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
