//! Everything that nginx calls.

mod conf;
mod content;
#[cfg(not(feature = "static"))]
mod dynamic;
mod filters;
mod module;
mod phases;
mod process;
mod variables;
mod version;

use crate::access::State;

// SAFETY: the only type that implements it.
unsafe impl nginx::context::State for State {}
