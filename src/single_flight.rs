//! One piece of work that many requests of a worker wait for: it is under way once, and has one result.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use nginx::park::Waker;

/// Work under way; `T` is its result.
pub struct SingleFlight<T> {
    result: OnceCell<T>,
    waiting: RefCell<Vec<Waker>>,
    awaited: Cell<bool>,
}

impl<T> SingleFlight<T> {
    pub fn new() -> Self {
        Self {
            result: OnceCell::new(),
            waiting: RefCell::new(Vec::new()),
            awaited: Cell::new(false),
        }
    }

    /// Its result; `None` while it is under way.
    pub fn result(&self) -> Option<&T> {
        self.result.get()
    }

    /// Has `waker` called when it is finished.
    pub fn wait(&self, waker: Waker) {
        self.awaited.set(true);
        self.waiting.borrow_mut().push(waker);
    }

    /// Whether anybody has waited for it: if not, nothing is held up for it.
    pub fn is_awaited(&self) -> bool {
        self.awaited.get()
    }

    /// Has a result now, and wakes everybody. A second one changes nothing.
    pub fn finish(&self, result: T) {
        if self.result.set(result).is_ok() {
            for waker in self.waiting.take() {
                waker.wake();
            }
        }
    }
}

/// Held by whoever does the work. When it is dropped, by a panic too, the work is finished: with what `T` is
/// by default, unless it has a result.
pub struct Leader<T: Default>(Rc<SingleFlight<T>>);

impl<T: Default> Leader<T> {
    pub fn of(flight: &Rc<SingleFlight<T>>) -> Self {
        Self(Rc::clone(flight))
    }

    pub fn is_awaited(&self) -> bool {
        self.0.is_awaited()
    }

    pub fn finish(self, result: T) {
        self.0.finish(result);
    }
}

impl<T: Default> Drop for Leader<T> {
    fn drop(&mut self) {
        self.0.finish(T::default());
    }
}
