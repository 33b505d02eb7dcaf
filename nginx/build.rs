//! Tells the compiler which nginx is built against, as `nginx-sys` has found it, and proves that nginx's
//! structures are to this crate what they are to the C compiler.

// A build script stops the build by a panic, which says why.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::let_underscore_must_use
)]

#[path = "build/compiler.rs"]
mod compiler;
#[path = "build/headers.rs"]
mod headers;
#[path = "build/layout.rs"]
mod layout;

use std::env;
use std::fs;
use std::path::Path;

use crate::compiler::Compiler;

/// Versions from which something that the module touches is different.
const VERSIONS: &[(u64, &str)] = &[(1_023_000, "nginx1_23")];

fn main() {
    values("ngx_feature", "DEP_NGINX_FEATURES_CHECK", "DEP_NGINX_FEATURES");
    values("ngx_os", "DEP_NGINX_OS_CHECK", "DEP_NGINX_OS");
    versions();
    angie();
    stat_stub();
    layout::prove(Path::new("src"));
}

fn from_nginx(name: &str) -> Option<String> {
    println!("cargo::rerun-if-env-changed={name}");
    env::var(name).ok()
}

/// `cfg(name = "value")` for each that nginx was configured with.
fn values(name: &str, possible: &str, given: &str) {
    let possible = from_nginx(possible).unwrap_or_else(|| "any()".to_owned());
    println!("cargo::rustc-check-cfg=cfg({name}, values({possible}))");
    let given = from_nginx(given).unwrap_or_default();
    for value in given.split(',').map(str::trim).filter(|value| !value.is_empty()) {
        println!("cargo::rustc-cfg={name}=\"{value}\"");
    }
}

fn versions() {
    let version = from_nginx("DEP_NGINX_VERSION_NUMBER").and_then(|version| version.parse::<u64>().ok());
    for (since, name) in VERSIONS {
        println!("cargo::rustc-check-cfg=cfg({name})");
        if version.is_some_and(|version| version >= *since) {
            println!("cargo::rustc-cfg={name}");
        }
    }
}

/// Whether it is Angie, which is nginx of the version that it says but for what is marked so in the sources.
fn angie() {
    println!("cargo::rustc-check-cfg=cfg(angie)");
    if Compiler::find().is_some_and(|compiler| compiler.is_angies()) {
        println!("cargo::rustc-cfg=angie");
    }
}

/// Whether nginx counts connections for `stub_status`: its counters exist only then.
fn stat_stub() {
    println!("cargo::rustc-check-cfg=cfg(stat_stub)");
    let Some(directory) = from_nginx("DEP_NGINX_BUILD_DIR") else {
        return;
    };
    let header = Path::new(&directory).join("ngx_auto_config.h");
    println!("cargo::rerun-if-changed={}", header.display());
    let counted = |line: &str| line.split_whitespace().eq(["#define", "NGX_STAT_STUB", "1"]);
    if fs::read_to_string(header).is_ok_and(|text| text.lines().any(counted)) {
        println!("cargo::rustc-cfg=stat_stub");
    }
}
