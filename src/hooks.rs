//! Everything that nginx calls.

pub mod filters;
pub mod phases;
pub mod process;
pub mod variables;

use crate::access::State;

// SAFETY: the only type that implements it.
unsafe impl nginx::context::State for State {}
