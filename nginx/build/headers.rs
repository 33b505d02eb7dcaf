//! The structures in nginx's preprocessed headers: their members, by name.
//!
//! No layout is worked out here: that is the compiler's. A declaration that is read wrongly makes a name that
//! the compiler does not know, and stops the build.

use std::collections::HashMap;

/// One member of a structure.
#[derive(Clone, Debug)]
pub struct Member {
    pub name: String,
    /// The name of its type, or of what it points to.
    pub type_name: String,
    pub is_bit_field: bool,
}

/// All structures, and the further names of types.
pub struct Headers {
    bodies: HashMap<String, Vec<Member>>,
    aliases: HashMap<String, String>,
}

impl Headers {
    pub fn read(text: &str) -> Self {
        let mut headers = Self {
            bodies: HashMap::new(),
            aliases: HashMap::new(),
        };
        for declaration in declarations(text) {
            headers.add(declaration.trim());
        }
        headers
    }

    /// The members of a structure that has this name.
    pub fn members(&self, name: &str) -> Option<&[Member]> {
        let mut name = name;
        // Each alias names an earlier declaration, so this ends; the bound is for what nobody has thought of.
        for _ in 0..8 {
            match (self.bodies.get(name), self.aliases.get(name)) {
                (Some(members), _) => return Some(members),
                (None, Some(other)) => name = other,
                (None, None) => return None,
            }
        }
        None
    }

    fn add(&mut self, declaration: &str) {
        let (is_typedef, rest) = match declaration.strip_prefix("typedef ") {
            Some(rest) => (true, rest.trim()),
            None => (false, declaration),
        };
        let Some(structure) = rest
            .strip_prefix("struct")
            .filter(|rest| !rest.starts_with(is_word))
        else {
            if is_typedef {
                self.alias(rest);
            }
            return;
        };
        match structure.split_once('{').zip(structure.rsplit_once('}')) {
            Some(((tag, _), (before, names))) => {
                let body = before.split_once('{').map_or("", |(_, body)| body);
                let names = if is_typedef { names } else { "" };
                for name in [tag, names]
                    .map(str::trim)
                    .into_iter()
                    .filter(|name| is_name(name))
                {
                    self.bodies.insert(name.to_owned(), members(body));
                }
            }
            None if is_typedef => self.alias(structure),
            None => {}
        }
    }

    /// `OLD NEW`
    fn alias(&mut self, text: &str) {
        if let [old, new] = text.split_whitespace().collect::<Vec<_>>()[..] {
            if is_name(old) && is_name(new) {
                self.aliases.insert(new.to_owned(), old.to_owned());
            }
        }
    }
}

/// Texts that end with a semicolon outside all braces and parentheses; a function's body ends one, too.
fn declarations(text: &str) -> Vec<String> {
    split(text, ';', true)
}

/// The parts of `text` between `separator`s that stand in no brackets; `bodies`: also after a closing brace
/// that no name follows.
fn split(text: &str, separator: char, bodies: bool) -> Vec<String> {
    let (mut parts, mut part, mut depth) = (Vec::new(), String::new(), 0_i32);
    for character in text.chars() {
        match character {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 && character == separator {
            parts.push(std::mem::take(&mut part));
            continue;
        }
        part.push(if character.is_whitespace() { ' ' } else { character });
        // A function: nothing but its body stands behind its parameters.
        if bodies
            && depth == 0
            && character == '}'
            && part
                .split('{')
                .next()
                .is_some_and(|head| head.trim_end().ends_with(')'))
        {
            part.clear();
        }
    }
    parts.push(part);
    parts
}

fn members(body: &str) -> Vec<Member> {
    let declarations = split(body, ';', false);
    declarations
        .iter()
        .flat_map(|declaration| one_declaration(declaration))
        .collect()
}

/// `TYPE NAME`, `TYPE *NAME, *NAME`, `TYPE NAME[N]`, `TYPE NAME:BITS`, `TYPE (*NAME)(...)`, and a structure
/// or union of no name.
fn one_declaration(declaration: &str) -> Vec<Member> {
    let type_name = words(declaration)
        .find(|word| !QUALIFIERS.contains(word))
        .unwrap_or_default()
        .to_owned();
    let member = |declarator: &String| {
        let (declarator, is_bit_field) = match split(declarator, ':', false).as_slice() {
            [name, _] => (name.clone(), true),
            _ => (declarator.clone(), false),
        };
        let name = match declarator.split_once("(*") {
            Some((_, name)) => words(name).next(),
            None => words(
                declarator
                    .split('[')
                    .next()
                    .unwrap_or_default()
                    .rsplit('}')
                    .next()
                    .unwrap_or_default(),
            )
            .last(),
        };
        Some(Member {
            name: name?.to_owned(),
            type_name: type_name.clone(),
            is_bit_field,
        })
    };
    split(declaration, ',', false).iter().filter_map(member).collect()
}

const QUALIFIERS: [&str; 6] = ["const", "volatile", "struct", "union", "unsigned", "signed"];

/// The identifiers and numbers in a text.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character| !is_word(character))
        .filter(|word| !word.is_empty())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_word)
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}
