//! The program as a test meets it: started, ordered about over its control port, and looked at on the wire.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects
)]

mod authgear;
mod backend;
mod faults;
mod harness;
mod login;
