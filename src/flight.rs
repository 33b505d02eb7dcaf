//! One piece of work that many requests of a worker wait for: it is under way once, and lands once.

use std::cell::{Cell, OnceCell, RefCell};

use crate::ffi::park::Waker;

/// Work under way; `T` is what it brings.
pub struct Flight<T> {
    cargo: OnceCell<T>,
    waiting: RefCell<Vec<Waker>>,
    awaited: Cell<bool>,
}

impl<T> Flight<T> {
    pub fn new() -> Self {
        Self {
            cargo: OnceCell::new(),
            waiting: RefCell::new(Vec::new()),
            awaited: Cell::new(false),
        }
    }

    /// What it brought; `None` while it is under way.
    pub fn cargo(&self) -> Option<&T> {
        self.cargo.get()
    }

    /// Has `waker` called when it lands.
    pub fn wait(&self, waker: Waker) {
        self.awaited.set(true);
        self.waiting.borrow_mut().push(waker);
    }

    /// Whether anybody has waited for it: if not, nothing is held up for it.
    pub fn is_awaited(&self) -> bool {
        self.awaited.get()
    }

    /// Lands, and wakes everybody. A second landing changes nothing.
    pub fn land(&self, cargo: T) {
        if self.cargo.set(cargo).is_ok() {
            for waker in self.waiting.take() {
                waker.wake();
            }
        }
    }
}
