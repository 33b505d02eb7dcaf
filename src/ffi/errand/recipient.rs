//! Who gets what an errand brings, and what that is.

use nginx_sys::ngx_list_part_t;

use crate::ffi::request::{bytes, each_element};

/// Who gets what an errand brings. Whatever is called here must only record and wake.
pub trait Recipient {
    /// Whether anybody waits for it: if nobody does, it does not hold up the worker's leaving.
    fn is_awaited(&self) -> bool;
    /// The upstream's own answer has begun: its status and its headers; once at most.
    fn header(&mut self, status: u16, headers: &Headers<'_>);
    /// It is over, whatever came of it; once.
    fn end(self: Box<Self>, outcome: Outcome);
}

/// The headers of an answer: the list of a live upstream, filled by nginx's parser.
pub struct Headers<'h>(pub(super) &'h ngx_list_part_t);

impl<'h> Headers<'h> {
    /// (name, value), in order.
    pub fn each(&self, mut visit: impl FnMut(&'h [u8], &'h [u8])) {
        // SAFETY: the upstream's header list, filled by nginx's parser, which outlives this.
        unsafe { each_element(self.0, |header| visit(bytes(&header.key), bytes(&header.value))) };
    }
}

/// How an errand ended.
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
    pub end: End,
    /// The status: of the upstream, or of this nginx when `end` says that it was its answer.
    pub status: u16,
    pub body: Vec<u8>,
}
