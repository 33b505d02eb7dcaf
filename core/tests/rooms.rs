//! The rooms of a crate are its top-level modules. `lib.rs` lists them from top to bottom, and none names one
//! that stands above it.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn no_room_of_core_names_a_higher_one() {
    holds("src");
}

#[test]
fn no_room_of_the_module_names_a_higher_one() {
    holds("../src");
}

#[test]
fn no_room_of_nginx_names_a_higher_one() {
    holds("../nginx/src");
}

#[test]
fn every_way_to_name_a_room_is_seen() {
    let rooms = ["top", "middle", "bottom"].map(str::to_owned);
    for up in [
        "use crate::top;",
        "use crate::top::Thing;",
        "pub(crate) use crate::top::{self, Thing};",
        "use crate::{bottom::{One, Two}, top::Thing};",
        "use crate::{\n    bottom,\n    top,\n};",
        "use super::top::Thing;",
        "fn of(thing: &crate::top::Thing) {}",
        "fn of() { super::top::made() }",
        "use crate::Thing;",
        "use crate::*;",
    ] {
        assert_eq!(turned(&rooms, Path::new("middle.rs"), up).len(), 1, "{up}");
    }
    assert_eq!(
        turned(&rooms, Path::new("bottom/inner.rs"), "use super::super::middle;").len(),
        1
    );
    assert_eq!(turned(&rooms, Path::new("cellar.rs"), "").len(), 1);
    for right in [
        "use crate::bottom::Thing;",
        "use crate::middle::inner;",
        "use super::bottom;",
        "use other_crate::top;",
        "use std::top::{top, Top};",
        "pub(crate) fn top() {}",
        "/// See [`crate::top`].",
    ] {
        assert_eq!(turned(&rooms, Path::new("middle.rs"), right), [""; 0], "{right}");
    }
    let inner = "use super::top;\nuse crate::middle::{self, top};";
    assert_eq!(turned(&rooms, Path::new("middle/inner.rs"), inner), [""; 0]);
}

/// Fails when a file of the crate whose sources lie in `src` (from this crate's directory) names a room above
/// its own.
#[track_caller]
fn holds(src: &str) {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join(src);
    let rooms = rooms(&fs::read_to_string(src.join("lib.rs")).unwrap());
    assert!(rooms.len() > 1, "{} lists no rooms", src.display());
    let mut wrong = Vec::new();
    for file in sources(&src) {
        let inside = file.strip_prefix(&src).unwrap();
        if inside != Path::new("lib.rs") {
            wrong.extend(turned(&rooms, inside, &fs::read_to_string(&file).unwrap()));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", src.display(), wrong.join("\n"));
}

/// What `lib.rs` lists, from top to bottom.
fn rooms(lib: &str) -> Vec<String> {
    let declared = |line: &str| {
        let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
        let line = line.strip_prefix("pub ").unwrap_or(line);
        Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_owned())
    };
    lib.lines().filter_map(declared).collect()
}

/// Every Rust file below a directory.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// What a file names that stands above its room: another room, or what `lib.rs` defines itself.
fn turned(rooms: &[String], file: &Path, source: &str) -> Vec<String> {
    let path = file.with_extension("");
    let mut parts: Vec<&str> = path.iter().map(|part| part.to_str().unwrap()).collect();
    parts.retain(|part| *part != "mod");
    let floor = |name: &str| rooms.iter().position(|room| room == name);
    let room = parts.first().unwrap();
    let Some(own) = floor(room) else {
        return vec![format!("{} is in no room that lib.rs lists", file.display())];
    };
    let code = code(source);
    let mut above = names_after("crate::", &code);
    above.retain(|name| floor(name).is_none_or(|floor| floor < own));
    // Inside a module that is written out in the file it may be another name.
    let mut relative = names_after(&"super::".repeat(parts.len()), &code);
    relative.retain(|name| floor(name).is_some_and(|floor| floor < own));
    above.append(&mut relative);
    let says = |name| format!("{} names {name}, which stands above {room}", file.display());
    above.into_iter().map(says).collect()
}

/// A source without its comment lines.
fn code(source: &str) -> String {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    source.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

/// The names that follow a path's beginning: one, or those of a group.
fn names_after<'c>(begin: &str, code: &'c str) -> Vec<&'c str> {
    let continues =
        |before: &str| before.ends_with(|last: char| last.is_alphanumeric() || matches!(last, '_' | ':'));
    code.match_indices(begin)
        .filter(|(at, _)| !continues(&code[..*at]))
        .flat_map(|(at, _)| names(&code[at + begin.len()..]))
        .collect()
}

fn names(rest: &str) -> Vec<&str> {
    let Some(group) = rest.strip_prefix('{') else {
        return vec![name(rest)];
    };
    let mut depth = self::depth();
    let end = group.find(|letter| depth(letter) < 0).unwrap_or(group.len());
    let mut depth = self::depth();
    let parts = group[..end].split(|letter| depth(letter) == 0 && letter == ',');
    parts.map(name).filter(|name| !name.is_empty()).collect()
}

/// How deep in groups each letter of a text stands, one after the other.
fn depth() -> impl FnMut(char) -> i32 {
    let mut depth = 0;
    move |letter| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        depth
    }
}

/// The first name of a path; `*` of what imports everything.
fn name(path: &str) -> &str {
    let path = path.trim_start();
    let end = path.find(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '_' | '*'));
    &path[..end.unwrap_or(path.len())]
}
