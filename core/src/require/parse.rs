//! The words of `authgear_require`, and everything that can be wrong with them.

use std::fmt;

use super::{Requirement, Requirements, Status};
use crate::grant::Scope;
use crate::header_text::HeaderText;

/// Why words are no requirements. Each has the word that is meant, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequirementError {
    /// There is no requirement: no word at all, or `error=` alone.
    Nothing,
    /// `off` stands beside others.
    OffBesideOthers,
    /// There is no such word.
    Unknown(String),
    /// The word needs `=` and a value.
    NoValue(String),
    /// The word takes no value.
    UnexpectedValue(String),
    /// The value, or one between two `|`, is empty.
    EmptyValue(String),
    /// It may stand once.
    Twice(String),
    /// `$` without a name, or with one that no variable has.
    VariableName(String),
    /// A value holds `$`: it would not be replaced.
    VariableInValue(String),
    /// A character that no role, client or method has.
    Character(String),
    /// Not a scope-token (RFC 6749, section 3.3).
    Scope(String),
    /// `|` in a scope: each has a word of its own, and all must be there.
    ScopeAlternatives(String),
    /// Not a time, or none at all.
    MaxAge(String),
    /// Neither 401 nor 403.
    Error(String),
    /// A word that no machine fulfils stands beside `machine`.
    NeverAMachines(String),
}

impl Requirements {
    /// Reads the words of one `authgear_require`; `None` is `off`. `seconds` reads a time as nginx writes
    /// them.
    ///
    /// # Errors
    /// With the first thing that is wrong.
    pub fn parse<'w>(
        words: impl IntoIterator<Item = &'w str>,
        seconds: impl Fn(&str) -> Option<u64>,
    ) -> Result<Option<Self>, RequirementError> {
        let words: Vec<&str> = words.into_iter().collect();
        if words.contains(&"off") {
            return match words.as_slice() {
                [_] => Ok(None),
                _ => Err(RequirementError::OffBesideOthers),
            };
        }
        let mut list = Vec::new();
        let mut error = None;
        for word in words {
            match word.strip_prefix("error=") {
                Some(status) => once(error.replace(status_of(status, word)?).is_none(), word)?,
                None => add(&mut list, word, &seconds)?,
            }
        }
        if list.is_empty() {
            return Err(RequirementError::Nothing);
        }
        check_machine(&list)?;
        let mut by_line = list.clone();
        by_line.sort_by_key(Requirement::line);
        Ok(Some(Self {
            by_line,
            scope: Scope::all(list.iter().filter_map(Requirement::scope)),
            list,
            error: error.unwrap_or(Status::Forbidden),
        }))
    }

    /// The first word of them that nobody fulfils where the resolver alone judges: it says nothing of a
    /// token's client and scope, and knows no machine.
    #[must_use]
    pub fn word_of_tokens_alone(&self) -> Option<&'static str> {
        self.list.iter().find_map(Requirement::of_tokens_alone)
    }
}

fn once(is_first: bool, word: &str) -> Result<(), RequirementError> {
    is_first
        .then_some(())
        .ok_or_else(|| RequirementError::Twice(word.to_owned()))
}

fn status_of(status: &str, word: &str) -> Result<Status, RequirementError> {
    match status {
        "401" => Ok(Status::Unauthorized),
        "403" => Ok(Status::Forbidden),
        "" => Err(RequirementError::EmptyValue(word.to_owned())),
        _ => Err(RequirementError::Error(word.to_owned())),
    }
}

fn add(
    list: &mut Vec<Requirement>,
    word: &str,
    seconds: &impl Fn(&str) -> Option<u64>,
) -> Result<(), RequirementError> {
    let variables = list.iter().filter_map(Requirement::variable);
    let requirement = match word.strip_prefix('$') {
        Some(name) => Requirement::Variable(variables.count(), variable(name, word)?),
        None => requirement(word, seconds)?,
    };
    once(!list.iter().any(|one| one.excludes(&requirement)), word)?;
    list.push(requirement);
    Ok(())
}

fn variable(name: &str, word: &str) -> Result<String, RequirementError> {
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name
        .then(|| name.to_owned())
        .ok_or_else(|| RequirementError::VariableName(word.to_owned()))
}

fn requirement(word: &str, seconds: &impl Fn(&str) -> Option<u64>) -> Result<Requirement, RequirementError> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    let alone = |requirement| match value {
        None => Ok(requirement),
        Some(_) => Err(RequirementError::UnexpectedValue(word.to_owned())),
    };
    match name {
        "valid" => alone(Requirement::Valid),
        "verified" => alone(Requirement::Verified),
        "not_anonymous" => alone(Requirement::NotAnonymous),
        "first_party" => alone(Requirement::FirstParty),
        "machine" => alone(Requirement::Machine),
        // No role has a comma, and no method either of what a list of them is split at.
        "role" => any_of(value, word, &[',']).map(Requirement::Role),
        "amr" => any_of(value, word, &[',', ' ']).map(Requirement::Amr),
        "client_id" => any_of(value, word, &[]).map(Requirement::ClientId),
        "scope" => scope(filled(value, word)?, word).map(Requirement::Scope),
        "max_age" => match seconds(filled(value, word)?) {
            Some(0) | None => Err(RequirementError::MaxAge(word.to_owned())),
            Some(seconds) => Ok(Requirement::MaxAge(seconds)),
        },
        "error" => Err(RequirementError::NoValue(word.to_owned())),
        _ => Err(RequirementError::Unknown(word.to_owned())),
    }
}

/// A value that is there.
fn filled<'w>(value: Option<&'w str>, word: &str) -> Result<&'w str, RequirementError> {
    match value {
        None => Err(RequirementError::NoValue(word.to_owned())),
        Some("") => Err(RequirementError::EmptyValue(word.to_owned())),
        Some(value) if value.contains('$') => Err(RequirementError::VariableInValue(word.to_owned())),
        Some(value) => Ok(value),
    }
}

fn any_of(value: Option<&str>, word: &str, splits: &[char]) -> Result<Vec<String>, RequirementError> {
    let values = filled(value, word)?.split('|').map(|one| match one {
        "" => Err(RequirementError::EmptyValue(word.to_owned())),
        _ if one.contains(splits) || HeaderText::of(one.as_bytes()).is_err() => {
            Err(RequirementError::Character(word.to_owned()))
        }
        _ => Ok(one.to_owned()),
    });
    values.collect()
}

fn scope(value: &str, word: &str) -> Result<Scope, RequirementError> {
    if value.contains('|') {
        return Err(RequirementError::ScopeAlternatives(word.to_owned()));
    }
    Scope::token(value).ok_or_else(|| RequirementError::Scope(word.to_owned()))
}

/// A location that nobody could enter is a mistake.
fn check_machine(list: &[Requirement]) -> Result<(), RequirementError> {
    let users = list.iter().find_map(Requirement::of_users_alone);
    match users {
        Some(word) if list.contains(&Requirement::Machine) => {
            Err(RequirementError::NeverAMachines(word.to_owned()))
        }
        Some(_) | None => Ok(()),
    }
}

impl Requirement {
    fn scope(&self) -> Option<&Scope> {
        match self {
            Self::Scope(scope) => Some(scope),
            Self::Valid
            | Self::Verified
            | Self::NotAnonymous
            | Self::Role(_)
            | Self::MaxAge(_)
            | Self::ClientId(_)
            | Self::FirstParty
            | Self::Amr(_)
            | Self::Machine
            | Self::Variable(..) => None,
        }
    }

    /// The word of one that no machine can fulfil.
    fn of_users_alone(&self) -> Option<&'static str> {
        match self {
            Self::Verified => Some("verified"),
            Self::NotAnonymous => Some("not_anonymous"),
            Self::Role(_) => Some("role"),
            Self::MaxAge(_) => Some("max_age"),
            Self::FirstParty => Some("first_party"),
            Self::Amr(_) => Some("amr"),
            Self::Valid | Self::Scope(_) | Self::ClientId(_) | Self::Machine | Self::Variable(..) => None,
        }
    }

    /// The word of one that looks into a token that verified here, and never holds for anybody else.
    fn of_tokens_alone(&self) -> Option<&'static str> {
        match self {
            Self::Scope(_) => Some("scope"),
            Self::ClientId(_) => Some("client_id"),
            Self::Machine => Some("machine"),
            Self::Valid
            | Self::Verified
            | Self::NotAnonymous
            | Self::Role(_)
            | Self::MaxAge(_)
            | Self::FirstParty
            | Self::Amr(_)
            | Self::Variable(..) => None,
        }
    }

    /// Whether another may not stand beside it: the same, or of a kind that stands once.
    fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::MaxAge(_), Self::MaxAge(_)) | (Self::ClientId(_), Self::ClientId(_)) => true,
            (Self::Variable(_, name), Self::Variable(_, other)) => name == other,
            _ => self == other,
        }
    }
}

impl fmt::Display for RequirementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("it requires nothing: write \"valid\", or \"off\""),
            Self::OffBesideOthers => f.write_str("\"off\" stands alone"),
            Self::Unknown(word) => write!(f, "there is no requirement \"{word}\""),
            Self::NoValue(word) => write!(f, "\"{word}\" needs a value, as in \"{word}=...\""),
            Self::UnexpectedValue(word) => write!(f, "\"{word}\" takes no value"),
            Self::EmptyValue(word) => write!(f, "a value is empty in \"{word}\""),
            Self::Twice(word) => write!(f, "\"{word}\" may be required once"),
            Self::VariableName(word) => write!(f, "\"{word}\" is not the name of a variable"),
            Self::VariableInValue(word) => write!(f, "variables are not allowed in the value of \"{word}\""),
            Self::Character(word) => write!(f, "\"{word}\" has a character that no such value has"),
            Self::Scope(word) => write!(f, "\"{word}\" has a character that no scope has"),
            Self::ScopeAlternatives(word) => {
                write!(
                    f,
                    "\"{word}\" has a \"|\": scopes are required one by one, and all must be granted"
                )
            }
            Self::MaxAge(word) => write!(f, "\"{word}\" is not a time of at least one second"),
            Self::Error(word) => write!(f, "\"{word}\" is neither \"error=401\" nor \"error=403\""),
            Self::NeverAMachines(word) => write!(
                f,
                "no machine fulfils \"{word}\": it can't stand beside \"machine\""
            ),
        }
    }
}

impl std::error::Error for RequirementError {}
