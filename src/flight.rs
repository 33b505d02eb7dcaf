//! One piece of work that many requests of a worker wait for: it is under way once, and lands once.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use crate::ffi::park::Waker;

/// Work under way; `T` is what it brings.
pub struct Flight<T> {
    cargo: OnceCell<T>,
    waiting: RefCell<Vec<Waker>>,
    awaited: Awaited,
}

/// Whether anybody waits for a piece of work: if not, nothing is held up for it.
#[derive(Clone, Default)]
pub struct Awaited(Rc<Cell<bool>>);

impl Awaited {
    pub fn is_awaited(&self) -> bool {
        self.0.get()
    }
}

impl<T> Flight<T> {
    pub fn new() -> Self {
        Self {
            cargo: OnceCell::new(),
            waiting: RefCell::new(Vec::new()),
            awaited: Awaited::default(),
        }
    }

    /// What it brought; `None` while it is under way.
    pub fn cargo(&self) -> Option<&T> {
        self.cargo.get()
    }

    /// Has `waker` called when it lands.
    pub fn wait(&self, waker: Waker) {
        self.awaited.0.set(true);
        self.waiting.borrow_mut().push(waker);
    }

    /// Whether somebody waits for it, now and later.
    pub fn awaited(&self) -> Awaited {
        self.awaited.clone()
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
