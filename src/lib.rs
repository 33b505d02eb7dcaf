//! `ngx_http_authgear_module`: tells a backend who is calling.
//!
//! The rooms, from top to bottom: each uses only what stands below it (`core/tests/rooms.rs` holds that).
//! Below them are two crates, `authgear_core`, which decides, and `nginx`, which has nginx's structures
//! behind safe faces.
//!
//! - [`hooks`]: everything that nginx calls; with the crate `nginx` the only unsafe code
//! - [`variables`]: the variables that begin `$authgear_`
//! - [`access`]: carries out what `authgear_core::flow` decides, for one request
//! - [`question`]: what the resolver is asked, and who waits for its answer
//! - [`keys`]: which key set judges a token, and when it is fetched
//! - [`resolver`]: how many questions may be under way, and whether anybody answers
//! - [`memory`]: what all workers remember of tokens and answers
//! - [`cache_key`]: under which key each of these stands
//! - [`single_flight`]: one piece of work that many requests wait for
//! - [`metrics`]: what is counted, and the answer that tells it
//! - [`zone`]: the memory that all workers share
//! - [`identity`]: the request headers that tell who is calling
//! - [`report`]: the lines in the error log about what did not go well
//! - [`conf`]: directives, inheritance and the checks of `nginx -t`; immutable at request time
//! - [`digest`]: identities, by SHA-256
#![deny(unsafe_code)]

// Cargo's configuration or its environment may say otherwise than the profile.
#[cfg(not(panic = "unwind"))]
compile_error!("the module needs panic = \"unwind\": with anything else a panic ends nginx's worker");

#[allow(unsafe_code)]
mod hooks;
mod variables;
mod access;
mod question;
mod keys;
mod resolver;
mod memory;
mod cache_key;
mod single_flight;
mod metrics;
mod zone;
mod identity;
mod report;
mod conf;
mod digest;
