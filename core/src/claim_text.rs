//! A claim of a token, as the text of a variable.
//!
//! The token must be one that the verdict rests on: nothing is verified here. A text has no control
//! character, so that nobody writes it as two header lines, and a list no element that would read as two.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json;
use crate::jws::{Compact, Jws};

/// The payload and the `kid` of a token.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimReader {
    payload: Vec<u8>,
    kid: Option<String>,
}

impl fmt::Debug for ClaimReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimReader(..)")
    }
}

impl ClaimReader {
    /// Of a token that verified; `None` of what is no token.
    #[must_use]
    pub fn of(token: Compact<'_>) -> Option<Self> {
        let jws = Jws::parse(token.as_str()).ok()?;
        Some(Self {
            payload: jws.payload,
            kid: jws.kid,
        })
    }

    /// The `kid` of its header, if it has no control character.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref().filter(|kid| is_text(kid))
    }

    /// The claim of this name, and in it, where it is an object, the member of the next name, and so on.
    ///
    /// A string is its text, a number or a boolean its JSON, an array its elements with `,` between them.
    /// `None`, which is an empty variable, for anything else: what is absent, `null`, empty, an object; a
    /// name that stands twice; a text with a control character (under 0x20, 0x7f); an array with an element
    /// that is empty, has a `,` or is itself none of the above.
    pub fn text<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Option<String> {
        let mut value: &RawValue = json::object(&self.payload)?;
        for name in path {
            value = member(value, name)?;
        }
        if value.get().starts_with('[') {
            return list(value);
        }
        scalar(value).map(Cow::into_owned)
    }
}

fn list(value: &RawValue) -> Option<String> {
    let elements: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
    let texts = elements
        .into_iter()
        .map(|element| scalar(element).filter(|text| !text.contains(',')));
    let texts: Option<Vec<_>> = texts.collect();
    texts.map(|texts| texts.join(",")).filter(|text| !text.is_empty())
}

fn scalar(value: &RawValue) -> Option<Cow<'_, str>> {
    let json = value.get();
    let text = match json.as_bytes() {
        [b'"', ..] => serde_json::from_str::<Text<'_>>(json).ok()?.0,
        [b'-' | b'0'..=b'9' | b't' | b'f', ..] => Cow::Borrowed(json),
        _ => return None,
    };
    (!text.is_empty() && is_text(&text)).then_some(text)
}

#[derive(Deserialize)]
struct Text<'j>(#[serde(borrow)] Cow<'j, str>);

fn is_text(text: &str) -> bool {
    !text.bytes().any(|byte| byte.is_ascii_control())
}

/// A member of an object, if it has that name once.
fn member<'j>(object: &'j RawValue, name: &str) -> Option<&'j RawValue> {
    let mut json = serde_json::Deserializer::from_str(object.get());
    Member(name).deserialize(&mut json).ok()?
}

struct Member<'n>(&'n str);

impl<'j> DeserializeSeed<'j> for Member<'_> {
    type Value = Option<&'j RawValue>;

    fn deserialize<D: de::Deserializer<'j>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'j> Visitor<'j> for Member<'_> {
    type Value = Option<&'j RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'j>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(Text(name)) = map.next_key()? {
            if name != self.0 {
                let IgnoredAny = map.next_value()?;
            } else if found.replace(map.next_value()?).is_some() {
                return Err(de::Error::custom("a name that stands twice"));
            }
        }
        Ok(found)
    }
}
