//! The C compiler that builds nginx and its modules, called as nginx's own makefile calls it.
//!
//! Enters: what `nginx-sys` has found (`DEP_NGINX_BUILD_DIR`, `DEP_NGINX_INCLUDE`). Leaves: preprocessed
//! text, and the bytes of object files. Nothing that is compiled here is ever run, so that a cross compiler
//! will do.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What every source file here begins with.
pub const INCLUDES: &str = "#include <ngx_config.h>\n#include <ngx_core.h>\n#include <ngx_http.h>\n";

/// A member that Angie has renamed, by nginx's name for it, as `nginx-sys` writes it. scripts/build and
/// config.make have the bindings made with the same.
const ANGIES_NAMES: &str = "-Dangie_sign=spare1";

/// nginx's compiler, its flags, and where its headers are.
pub struct Compiler {
    program: String,
    flags: String,
    includes: Vec<PathBuf>,
    output: PathBuf,
}

impl Compiler {
    /// `None` where `nginx-sys` names no nginx.
    pub fn find() -> Option<Self> {
        let makefile = Path::new(&env::var_os("DEP_NGINX_BUILD_DIR")?).join("Makefile");
        let includes = env::var_os("DEP_NGINX_INCLUDE")?;
        println!("cargo::rerun-if-changed={}", makefile.display());
        let text =
            fs::read_to_string(&makefile).unwrap_or_else(|error| panic!("{}: {error}", makefile.display()));
        let variable = |name: &str| {
            let value = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='));
            value
                .unwrap_or_else(|| panic!("{} sets no {name}", makefile.display()))
                .trim()
                .to_owned()
        };
        let includes: Vec<PathBuf> = env::split_paths(&includes).collect();
        // The bindings are not made anew when a header changes: then the proof says so.
        for path in includes.iter().filter(|path| path.exists()) {
            println!("cargo::rerun-if-changed={}", path.display());
        }
        Some(Self {
            program: variable("CC"),
            flags: variable("CFLAGS"),
            includes,
            output: PathBuf::from(env::var_os("OUT_DIR")?),
        })
    }

    /// Whether the headers are Angie's.
    pub fn is_angies(&self) -> bool {
        self.includes.iter().any(|path| path.join("angie.h").is_file())
    }

    /// What the compiler itself sees of nginx's headers, in this build.
    pub fn preprocessed(&self) -> String {
        let bytes = self.run("headers", INCLUDES, "-E -P");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The bytes of the object file that `source` becomes.
    pub fn object(&self, name: &str, source: &str) -> Vec<u8> {
        // Link-time optimisation would leave no data in it.
        self.run(name, source, "-c -fno-lto -g0")
    }

    /// A shell splits the makefile's words as it does for make.
    fn run(&self, name: &str, source: &str, mode: &str) -> Vec<u8> {
        let (from, to) = (
            self.output.join(format!("{name}.c")),
            self.output.join(format!("{name}.out")),
        );
        fs::write(&from, source).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        let renamed = if self.is_angies() { ANGIES_NAMES } else { "" };
        let line = format!("{} {} {renamed} -w {mode} \"$@\"", self.program, self.flags);
        let includes = self
            .includes
            .iter()
            .flat_map(|path| [OsString::from("-I"), path.into()]);
        let output = Command::new("sh")
            .args(["-c", &line, "cc"])
            .args(includes)
            .arg("-o")
            .args([&to, &from])
            .output()
            .unwrap_or_else(|error| panic!("the C compiler could not be started: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "nginx's C compiler refuses {}:\n{line}\n{said}",
            from.display()
        );
        fs::read(&to).unwrap_or_else(|error| panic!("{}: {error}", to.display()))
    }
}
