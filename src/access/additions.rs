//! What a verdict adds to the header of the answer, kept until that header is sent.
//!
//! It is not put there at once: a backend's 103 would send it and have nginx forget it. What always holds:
//! [`any`] says so while a request of this worker has something to add, so that all others pay for a look at
//! one number.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Requests of this worker that have something to add.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Whether any request has something to add.
pub fn any() -> bool {
    WAITING.load(Ordering::Relaxed) != 0
}

/// One request's.
#[derive(Default)]
pub struct Additions {
    unavailable: Cell<bool>,
    cookies: RefCell<Vec<Vec<u8>>>,
    /// What is said beside a status, if the answer has that.
    challenge: RefCell<Option<(u16, String)>>,
    is_counted: Cell<bool>,
}

impl Additions {
    /// Whether it was turned away for want of a verdict.
    pub fn set_unavailable(&self, unavailable: bool) {
        self.unavailable.set(unavailable);
        self.count();
    }

    /// The resolver's, each once however often it was asked.
    pub fn add_cookies(&self, cookies: &[Vec<u8>]) {
        for cookie in cookies {
            let is_known = self.cookies.borrow().contains(cookie);
            if !is_known {
                self.cookies.borrow_mut().push(cookie.clone());
            }
        }
        self.count();
    }

    pub fn take_unavailable(&self) -> bool {
        let unavailable = self.unavailable.take();
        self.count();
        unavailable
    }

    /// What a client that was refused with this status has to come with.
    pub fn set_challenge(&self, status: u16, value: String) {
        self.challenge.replace(Some((status, value)));
        self.count();
    }

    /// Forgets what a refusal would have said.
    pub fn clear_challenge(&self) {
        self.challenge.take();
        self.count();
    }

    /// What is said beside this status; once, whatever the status is.
    pub fn take_challenge(&self, status: usize) -> Option<String> {
        let challenge = self.challenge.take();
        self.count();
        challenge
            .filter(|(of, _)| usize::from(*of) == status)
            .map(|(_, value)| value)
    }

    pub fn take_cookies(&self) -> Vec<Vec<u8>> {
        let cookies = self.cookies.take();
        self.count();
        cookies
    }

    fn count(&self) {
        let has =
            self.unavailable.get() || !self.cookies.borrow().is_empty() || self.challenge.borrow().is_some();
        match (self.is_counted.replace(has), has) {
            (false, true) => WAITING.fetch_add(1, Ordering::Relaxed),
            (true, false) => WAITING.fetch_sub(1, Ordering::Relaxed),
            (true, true) | (false, false) => return,
        };
    }
}

impl Drop for Additions {
    /// Of a request that ends without an answer.
    fn drop(&mut self) {
        self.take_unavailable();
        self.take_cookies();
        self.clear_challenge();
    }
}
