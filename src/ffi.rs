//! The rest of what has not moved yet.

pub mod conf;
pub mod module;

pub use nginx::{entry, headers, layout, log, request};
