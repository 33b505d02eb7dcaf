//! `ngx_http_authgear_module`: tells a backend who is calling.
//!
//! The rooms, in the order in which a request meets them:
//!
//! - [`conf`]: directives, inheritance and the checks of `nginx -t`; immutable at request time
//! - [`handler`]: the three doors by which nginx calls in
//! - [`turn`]: carries out what `authgear_core::flow` decides, for one request
//! - [`keys`]: which key set judges a token, and when it is fetched
//! - [`memory`]: what all workers remember of tokens and answers
//! - [`places`]: where each of these stands in the shared memory
//! - [`resolver`]: how many questions may be under way, and whether anybody answers
//! - [`question`]: what the resolver is asked, and who waits for its answer
//! - [`flight`]: one piece of work that many requests wait for
//! - [`refusal`]: statuses, headers and log lines of what did not go well
//! - [`digest`]: identities, by SHA-256
//! - [`variables`]: the variables that begin `$authgear_`
//! - [`process`]: what a worker does when it starts, on its timer, and when it ends
//! - [`ffi`]: the only unsafe code: nginx's structures behind safe faces
#![deny(unsafe_code)]

mod conf;
mod digest;
#[allow(unsafe_code)]
mod ffi;
mod flight;
mod handler;
mod keys;
mod memory;
mod places;
mod process;
mod question;
mod refusal;
mod resolver;
mod turn;
mod variables;
