//! Reads filters and paths by RFC 7644 sections 3.4.2.2 and 3.5.2, and what clients write instead: words without quotes,
//! `True`, and `emails[type eq "work"].value eq "x"`.

use serde_json::Value;

use super::{Comparison, Filter, Name, Path};

/// How deep parentheses and brackets may be nested.
const MOST_DEPTH: usize = 32;
/// How many comparisons a filter may have.
const MOST_TERMS: usize = 256;
/// How many bytes a filter or a path may have.
const MOST_BYTES: usize = 16 * 1024;

/// Why a text is no filter or path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub String);

type Result<T> = std::result::Result<T, Refusal>;

/// Reads a filter.
///
/// # Errors
/// [`Refusal`], also for one that is too long or nested too deep.
pub fn filter(text: &str) -> Result<Filter> {
    let mut parser = Parser::new(text)?;
    let filter = parser.any_of()?;
    parser.end()?;
    Ok(filter)
}

/// Reads a path.
///
/// # Errors
/// As [`filter`].
pub fn path(text: &str) -> Result<Path> {
    let mut parser = Parser::new(text)?;
    let mut name = parser.name()?;
    let mut filter = None;
    if parser.takes('[') {
        filter = Some(parser.nested(']')?);
        name.part = parser.part()?.or(name.part);
    }
    parser.end()?;
    Ok(Path { name, filter })
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
    terms: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self> {
        if text.len() > MOST_BYTES {
            return Err(Refusal(format!("it has more than {MOST_BYTES} bytes")));
        }
        Ok(Self { rest: text.trim(), depth: 0, terms: 0 })
    }

    fn any_of(&mut self) -> Result<Filter> {
        let mut left = self.all_of()?;
        while self.takes_word("or") {
            left = Filter::Or(Box::new(left), Box::new(self.all_of()?));
        }
        Ok(left)
    }

    fn all_of(&mut self) -> Result<Filter> {
        let mut left = self.one()?;
        while self.takes_word("and") {
            left = Filter::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Filter> {
        self.skip_blanks();
        if self.takes('(') {
            return self.nested(')');
        }
        if self.begins_negation() {
            self.skip_blanks();
            self.takes('(');
            return Ok(Filter::Not(Box::new(self.nested(')')?)));
        }
        self.term()
    }

    /// A filter up to a closing sign.
    fn nested(&mut self, closing: char) -> Result<Filter> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(Refusal(format!("it is nested more than {MOST_DEPTH} times")));
        }
        let filter = self.any_of()?;
        self.skip_blanks();
        if !self.takes(closing) {
            return Err(self.unexpected(&format!("`{closing}`")));
        }
        self.depth -= 1;
        Ok(filter)
    }

    fn term(&mut self) -> Result<Filter> {
        self.terms += 1;
        if self.terms > MOST_TERMS {
            return Err(Refusal(format!("it has more than {MOST_TERMS} comparisons")));
        }
        let name = self.name()?;
        if self.takes('[') {
            let entry = self.nested(']')?;
            return match self.part()? {
                // One entry has both.
                Some(part) => {
                    let own = self.comparison(Name { urn: None, attribute: part, part: None })?;
                    Ok(Filter::Entry(name, Box::new(Filter::And(Box::new(entry), Box::new(own)))))
                }
                None => Ok(Filter::Entry(name, Box::new(entry))),
            };
        }
        self.comparison(name)
    }

    fn comparison(&mut self, name: Name) -> Result<Filter> {
        let word = self.word();
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(name));
        }
        let Some(comparison) = Comparison::of(word) else {
            return Err(Refusal(format!("`{word}` is no operator")));
        };
        let value = self.value()?;
        Ok(Filter::Compare(name, comparison, value))
    }

    fn value(&mut self) -> Result<Value> {
        self.skip_blanks();
        if self.rest.starts_with('"') {
            return self.quoted();
        }
        let word = self.word();
        if word.is_empty() {
            return Err(self.unexpected("a value"));
        }
        Ok(match word.to_ascii_lowercase().as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            // A word without quotes is a text.
            _ => serde_json::from_str(word).ok().filter(Value::is_number).unwrap_or_else(|| Value::from(word)),
        })
    }

    fn quoted(&mut self) -> Result<Value> {
        let mut is_escaped = false;
        let end = self.rest.char_indices().skip(1).find(|(_, c)| {
            let is_end = *c == '"' && !is_escaped;
            is_escaped = *c == '\\' && !is_escaped;
            is_end
        });
        let Some((end, _)) = end else { return Err(Refusal("a text does not end".to_owned())) };
        let (text, rest) = self.rest.split_at(end + 1);
        self.rest = rest;
        serde_json::from_str(text).map_err(|_| Refusal(format!("{text} is no JSON text")))
    }

    fn name(&mut self) -> Result<Name> {
        self.skip_blanks();
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_-$:./".contains(c);
        let text = self.take_while(is_part);
        let (urn, name) = match text.rsplit_once(':') {
            Some((urn, name)) => (Some(urn.to_owned()), name),
            None => (None, text),
        };
        let (attribute, part) = match name.split_once('.') {
            Some((attribute, part)) => (attribute, Some(part)),
            None => (name, None),
        };
        let is_name =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-$".contains(c));
        // What looks like a version belongs to the name of a schema.
        let is_schema = urn.is_some() && attribute.chars().all(|c| c.is_ascii_digit());
        if is_schema || !is_name(attribute) || part.is_some_and(|part| !is_name(part)) {
            return Err(if text.is_empty() {
                self.unexpected("an attribute")
            } else {
                Refusal(format!("`{text}` is no attribute"))
            });
        }
        Ok(Name { urn, attribute: attribute.to_owned(), part: part.map(ToOwned::to_owned) })
    }

    /// A part after brackets.
    fn part(&mut self) -> Result<Option<String>> {
        if !self.takes('.') {
            return Ok(None);
        }
        let part = self.take_while(|c| c.is_ascii_alphanumeric() || "_-$".contains(c));
        if part.is_empty() { Err(self.unexpected("an attribute")) } else { Ok(Some(part.to_owned())) }
    }

    fn begins_negation(&mut self) -> bool {
        let after = self.rest.get(..3).filter(|word| word.eq_ignore_ascii_case("not")).map(|_| &self.rest[3..]);
        match after {
            Some(rest) if rest.trim_start().starts_with('(') => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn takes_word(&mut self, wanted: &str) -> bool {
        let before = self.rest;
        let is_there = self.word().eq_ignore_ascii_case(wanted);
        if !is_there {
            self.rest = before;
        }
        is_there
    }

    fn word(&mut self) -> &'a str {
        self.skip_blanks();
        self.take_while(|c| !c.is_whitespace() && !"()[]".contains(c))
    }

    fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn takes(&mut self, sign: char) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn end(&mut self) -> Result<()> {
        self.skip_blanks();
        if self.rest.is_empty() { Ok(()) } else { Err(self.unexpected("the end")) }
    }

    fn unexpected(&self, wanted: &str) -> Refusal {
        let found: String = self.rest.chars().take(20).collect();
        let found = if found.is_empty() { "the end".to_owned() } else { format!("`{found}`") };
        Refusal(format!("{wanted} is expected instead of {found}"))
    }
}

#[cfg(test)]
mod tests;
