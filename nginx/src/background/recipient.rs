//! Who gets what a background request brings, and what that is.

use nginx_sys::ngx_list_part_t;

use crate::request::each_element;

/// Who gets what a background request brings. Whatever is called here must only record and wake.
pub trait Recipient {
    /// Whether anybody waits for it: if nobody does, it does not hold up the worker's leaving.
    fn is_awaited(&self) -> bool;
    /// The upstream's own answer has begun: its status and its headers; once at most.
    fn header(&mut self, status: u16, headers: &Headers<'_>);
    /// It is over, whatever came of it; once.
    fn end(self: Box<Self>, outcome: Outcome);
}

/// The headers of an answer: the list of a live upstream, filled by nginx's parser.
pub struct Headers<'h>(&'h ngx_list_part_t);

impl<'h> Headers<'h> {
    /// # Safety
    /// The first part of a header list that nginx's parser has filled, and that nobody changes during `'h`.
    pub(super) unsafe fn new(first: &'h ngx_list_part_t) -> Self {
        Self(first)
    }

    /// (name, value), in order.
    pub fn each(&self, visit: impl FnMut(&'h [u8], &'h [u8])) {
        // SAFETY: new()'s caller vouches for the list.
        unsafe { each_element(self.0, visit) };
    }
}

/// How a background request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The upstream's own answer, whole.
    Answered,
    /// An answer that this nginx gave: from its cache, a file or `return`.
    Stored,
    /// The answer stopped before its end.
    CutShort,
    /// Larger than the limit.
    TooLarge,
    /// The upstream's answer has a header that does not fit into the location's buffer.
    HeaderTooLarge,
    /// No upstream could be reached, or none gave an answer.
    Unreachable,
    /// An upstream took longer than the location allows, or all took longer than the time limit.
    TimedOut,
    /// This nginx made something else of it: a redirect, an error page, an access rule.
    Redirected,
    /// The worker is leaving.
    Abandoned,
}

/// What came back, besides the upstream's headers.
#[derive(Debug)]
pub struct Outcome {
    /// How.
    pub end: End,
    /// The status: of the upstream, or of this nginx when `end` says that it was its answer.
    pub status: u16,
    /// Its body, as far as it is kept.
    pub body: Vec<u8>,
}
