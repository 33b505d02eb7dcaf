//! A reader of `WWW-Authenticate` as RFC 9110 (section 11.6.1) has it, and nothing of the code under test.

/// A challenge: its scheme, and its parameters in order.
pub type Read = (String, Vec<(String, String)>);

/// The one challenge that a field's value is; `None` of anything else.
pub fn read(value: &str) -> Option<Read> {
    let (scheme, mut rest) = token(value)?;
    let mut parameters = Vec::new();
    let mut separator = " ";
    while !rest.is_empty() {
        let (name, after) = token(rest.strip_prefix(separator)?)?;
        let (text, after) = quoted(after.strip_prefix('=')?)?;
        parameters.push((name, text));
        (rest, separator) = (after, ", ");
    }
    Some((scheme, parameters))
}

/// RFC 9110, section 5.6.2.
fn token(text: &str) -> Option<(String, &str)> {
    let is_token = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
    let end = text.find(|letter| !is_token(letter)).unwrap_or(text.len());
    let (token, rest) = text.split_at(end);
    (!token.is_empty()).then(|| (token.to_owned(), rest))
}

/// RFC 9110, section 5.6.4.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut letters = text.strip_prefix('"')?.char_indices();
    let mut inside = String::new();
    loop {
        match letters.next()? {
            (at, '"') => return Some((inside, text.get(at + 2..)?)),
            (_, '\\') => inside.push(letters.next()?.1),
            (_, letter) => inside.push(letter),
        }
    }
}
