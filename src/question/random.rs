//! Random bytes for made-up cookies, drawn from the system for many questions at a time: a question makes no
//! system call of its own.

use std::cell::RefCell;

use authgear_core::made_up::{MadeUp, RANDOM};
use ring::error::Unspecified;
use ring::rand::{SecureRandom, SystemRandom};

/// Draws that the system is asked for at once.
const DRAWS: usize = 64;

thread_local! {
    /// Made in each worker after it was forked, so that no two have the same.
    static DRAWN: RefCell<Vec<[u8; RANDOM]>> = const { RefCell::new(Vec::new()) };
}

/// Another one each time.
pub fn made_up() -> Result<MadeUp, Unspecified> {
    DRAWN.with_borrow_mut(|drawn| {
        if drawn.is_empty() {
            drawn.resize(DRAWS, [0; RANDOM]);
            SystemRandom::new()
                .fill(drawn.as_flattened_mut())
                .inspect_err(|_| drawn.clear())?;
        }
        let random = drawn.pop().ok_or(Unspecified)?;
        Ok(MadeUp::drawn(&random))
    })
}
