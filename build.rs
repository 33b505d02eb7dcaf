//! Tells the linker that a module which nginx loads stays loaded.

use std::env;

fn main() {
    let target = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let is_linked_in = env::var_os("CARGO_FEATURE_STATIC").is_some();
    match target.as_str() {
        _ if is_linked_in => {}
        // A reload must find the module where it was: its threads' state and its handlers outlive nginx's
        // dlclose().
        "linux" | "freebsd" => println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete"),
        "macos" => println!("cargo::rustc-cdylib-link-arg=-Wl,-undefined,dynamic_lookup"),
        _ => {}
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(ngx_feature, values(any()))");
    for value in env::var("DEP_NGINX_FEATURES")
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|value| !value.is_empty())
    {
        println!("cargo::rustc-cfg=ngx_feature=\"{value}\"");
    }
}
