//! One piece of work that many requests of a worker wait for: it is under way once, and lands once.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

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

/// Held by whoever does the work. When it is let go, by a panic's way too, the flight has landed: with what `T` is by default, unless it has before.
pub struct Pilot<T: Default>(Rc<Flight<T>>);

impl<T: Default> Pilot<T> {
    pub fn of(flight: &Rc<Flight<T>>) -> Self {
        Self(Rc::clone(flight))
    }

    pub fn is_awaited(&self) -> bool {
        self.0.is_awaited()
    }

    pub fn land(self, cargo: T) {
        self.0.land(cargo);
    }
}

impl<T: Default> Drop for Pilot<T> {
    fn drop(&mut self) {
        self.0.land(T::default());
    }
}
