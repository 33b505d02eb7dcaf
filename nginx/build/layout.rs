//! Proof that the module's picture of nginx's structures is the C compiler's, and where that has each
//! bit-field.
//!
//! What enters: the names in the sources that use nginx's structures, and nginx's headers as its compiler
//! sees them. What leaves: `layout.rs` for the crate, with an assertion for the size of each structure that
//! these names reach and for the place and size of each member, and with a `Flag` for each bit-field. What
//! always holds: every number in it is the C compiler's own, read from an object file that it made.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::compiler::{Compiler, INCLUDES};
use crate::headers::{words, Headers, Member};

/// A structure, and those of its members that the module names.
type Touched = BTreeMap<String, Vec<Member>>;

/// Where a bit-field lies: an aligned word of 32 bits, by its first byte, and the field's bits in it.
struct Bits {
    offset: usize,
    mask: u32,
}

/// Writes the proof to `OUT_DIR`; empty where there is no nginx.
pub fn prove(sources: &Path) {
    let output = env::var_os("OUT_DIR").unwrap_or_default();
    let text = Compiler::find().map_or_else(String::new, |compiler| proof(&compiler, sources));
    fs::write(Path::new(&output).join("layout.rs"), text)
        .unwrap_or_else(|error| panic!("layout.rs: {error}"));
}

fn proof(compiler: &Compiler, sources: &Path) -> String {
    println!("cargo::rerun-if-changed={}", sources.display());
    let text = text_of(sources);
    let headers = Headers::read(&compiler.preprocessed());
    let touched = touched(&headers, &text);
    assert!(
        touched.contains_key("ngx_http_request_t"),
        "nginx's headers could not be read"
    );
    let numbers = numbers(compiler, &touched);
    let bits = bits(compiler, &touched);
    rendered(&touched, &numbers, &bits)
}

/// All of the sources, one behind the other.
fn text_of(sources: &Path) -> String {
    let entries = fs::read_dir(sources).unwrap_or_else(|error| panic!("{}: {error}", sources.display()));
    let mut text = String::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            text += &text_of(&path);
        } else {
            text += &fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
    text
}

/// The structures that the sources name, and those behind a member that they name: the members that they
/// name, and the bit-fields that they use.
fn touched(headers: &Headers, text: &str) -> Touched {
    let names: BTreeSet<&str> = words(text).collect();
    let paths: BTreeSet<&str> = text
        .split(|character: char| character != ':' && character != '_' && !character.is_ascii_alphanumeric())
        .collect();
    let mut touched = Touched::new();
    let mut next: Vec<String> = names
        .iter()
        .filter(|name| name.starts_with("ngx_"))
        .map(|name| name.to_string())
        .collect();
    while let Some(name) = next.pop() {
        let Some(members) = headers.members(&name).filter(|_| !touched.contains_key(&name)) else {
            continue;
        };
        members
            .iter()
            .filter(|member| member.is_bit_field)
            .for_each(|member| refuse_bindings(&name, &member.name, text));
        let is_touched = |member: &&Member| match member.is_bit_field {
            true => paths.contains(format!("layout::{name}::{}", constant(&member.name)).as_str()),
            false => names.contains(rust_name(&member.name)),
        };
        let named: Vec<_> = members.iter().filter(is_touched).cloned().collect();
        next.extend(
            named
                .iter()
                .map(|member| member.type_name.clone())
                .filter(|name| name.starts_with("ngx_")),
        );
        touched.insert(name, named);
    }
    touched
}

/// Methods of Rust's own that are called as bit-fields are.
const NOT_NGINXS: [&str; 4] = ["count", "len", "set_nonblocking", "write"];

/// The bindings' own ways to a bit-field, by a method and by a function of the structure, are ones that
/// nobody has proved.
fn refuse_bindings(structure: &str, name: &str, text: &str) {
    let setter = format!("set_{name}");
    let calls = [
        (name, format!(".{name}()")),
        (&setter, format!(".{setter}(")),
        ("", format!("{structure}::{name}")),
        ("", format!("{structure}::{setter}")),
    ];
    let is_made = |(method, call): &(&str, String)| !NOT_NGINXS.contains(method) && text.contains(call);
    assert!(
        !calls.iter().any(is_made),
        "the sources read or write the bit-field \"{name}\" through the bindings: use its Flag of nginx/src/layout.rs"
    );
}

/// What a bit-field's `Flag` is called.
fn constant(name: &str) -> String {
    rust_name(name).to_ascii_uppercase()
}

/// Rust's bindings write what is a word of Rust's with a `_` behind it.
fn rust_name(name: &str) -> &str {
    match name {
        "type" => "type_",
        "in" => "in_",
        "loop" => "loop_",
        "match" => "match_",
        other => other,
    }
}

/// The size of each structure, then the place and the size of each of its members but the bit-fields, one
/// after the other.
fn numbers(compiler: &Compiler, touched: &Touched) -> Vec<u64> {
    const MARK: &str = "authgear: sizes and offsets.....";
    let mut wanted = Vec::new();
    for (structure, members) in touched {
        wanted.push(format!("sizeof({structure})"));
        for Member { name, .. } in members.iter().filter(|member| !member.is_bit_field) {
            wanted.push(format!("offsetof({structure}, {name})"));
            wanted.push(format!("sizeof((({structure} *) 0)->{name})"));
        }
    }
    let source = format!(
        "{INCLUDES}#include <stddef.h>\nconst struct {{ char mark[32]; unsigned long long numbers[{}]; }} authgear_numbers = {{ \"{MARK}\", {{ {} }} }};\n",
        wanted.len(),
        wanted.join(", ")
    );
    let object = compiler.object("numbers", &source);
    let bytes = behind(&object, MARK, wanted.len() * 8);
    bytes.chunks_exact(8).map(number).collect()
}

/// Where each bit-field lies: the compiler fills a structure that is zero but for it.
fn bits(compiler: &Compiler, touched: &Touched) -> BTreeMap<(String, String), Bits> {
    let fields: Vec<_> = touched
        .iter()
        .flat_map(|(structure, members)| {
            members
                .iter()
                .filter(|member| member.is_bit_field)
                .map(move |member| (structure, &member.name))
        })
        .collect();
    let mark = |index: usize| format!("authgear: bit-field {index:012}");
    let mut source = INCLUDES.to_owned();
    for (index, (structure, name)) in fields.iter().enumerate() {
        let mark = mark(index);
        let _ = writeln!(source, "const struct {{ char mark[32]; unsigned size[4]; {structure} value; }} authgear_flag_{index} = {{ \"{mark}\", {{ sizeof({structure}) }}, {{ .{name} = -1 }} }};");
    }
    let object = compiler.object("flags", &source);
    let found = fields.iter().enumerate().map(|(index, (structure, name))| {
        let size = number(&behind(&object, &mark(index), 16)[..4]) as usize;
        let value = &behind(&object, &mark(index), 16 + size)[16..];
        (
            (structure.to_string(), name.to_string()),
            only_bits(value).unwrap_or_else(|| panic!("nginx's {structure}.{name} is no field of bits")),
        )
    });
    found.collect()
}

/// The word of 32 bits in which all the bits are that are set, in one run.
fn only_bits(value: &[u8]) -> Option<Bits> {
    let first = value.iter().position(|byte| *byte != 0)? / 4 * 4;
    let mask = u32::try_from(number(value.get(first..first + 4)?)).ok()?;
    let run = mask >> mask.trailing_zeros();
    let is_all = value.iter().skip(first + 4).all(|byte| *byte == 0);
    (is_all && (run & run.wrapping_add(1)) == 0).then_some(Bits { offset: first, mask })
}

/// The bytes behind a mark.
fn behind<'o>(object: &'o [u8], mark: &str, count: usize) -> &'o [u8] {
    let at = object
        .windows(mark.len())
        .position(|window| window == mark.as_bytes());
    // A mark has room for 32 bytes.
    at.and_then(|at| object.get(at + 32..at + 32 + count))
        .unwrap_or_else(|| panic!("the C compiler's object file does not hold \"{mark}\""))
}

/// A number of the target's.
fn number(bytes: &[u8]) -> u64 {
    let is_big = env::var("CARGO_CFG_TARGET_ENDIAN").is_ok_and(|endian| endian == "big");
    let push = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    if is_big {
        bytes.iter().fold(0, push)
    } else {
        bytes.iter().rev().fold(0, push)
    }
}

fn rendered(touched: &Touched, numbers: &[u64], bits: &BTreeMap<(String, String), Bits>) -> String {
    let (mut text, mut flags) = (String::new(), String::new());
    let mut numbers = numbers.iter();
    let mut next = || numbers.next().copied().unwrap_or_default();
    for (structure, members) in touched {
        let _ = writeln!(text, "is_sized!({structure}, {});", next());
        let mut constants = String::new();
        for member in members {
            if let Some(Bits { offset, mask }) = bits.get(&(structure.clone(), member.name.clone())) {
                let constant = constant(&member.name);
                let _ = writeln!(
                    constants,
                    "    pub const {constant}: Flag<ffi::{structure}> = Flag::new({offset}, {mask:#x});"
                );
            } else {
                let (name, offset, size) = (rust_name(&member.name), next(), next());
                let _ = writeln!(text, "lies_at!({structure}, {name}, {offset}, {size});");
            }
        }
        if !constants.is_empty() {
            // What uses one may be left out of this build.
            let _ = writeln!(
                flags,
                "#[allow(dead_code)]\npub mod {structure} {{\n    use super::{{ffi, Flag}};\n{constants}}}"
            );
        }
    }
    text + &flags
}
