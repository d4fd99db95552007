//! Rows of a file: the elements of one JSON array, JSON objects one after another, each on one line or several, or the
//! results on pages of an API.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader};

use serde::de::IgnoredAny;
use serde_json::Value;
use shared::error::Cause;

use super::text::{File, text_of};

/// The maximum size of a row, in bytes: ten times what the store could hold.
const MAX_ROW: usize = 4 << 20;

/// A row.
pub struct Row {
    /// Where it is, in words.
    pub place: String,
    /// Its text, which may not be valid JSON, or why it has none.
    pub text: Result<Vec<u8>, String>,
}

/// The rows of a file, one by one. An error means that the file is incomplete, or not of this kind; then nothing
/// follows.
pub struct Rows {
    file: Signs,
    shape: Shape,
    /// How many rows were returned.
    given: u64,
    /// The next rows of a page.
    of_page: VecDeque<Vec<u8>>,
    /// How many rows the pages contained, and the total of the API.
    pages: Option<(u64, u64)>,
    is_over: bool,
}

/// How rows are separated in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Array,
    Objects,
}

/// A file, byte by byte.
struct Signs {
    file: BufReader<File>,
    /// The line of the next byte, from 1.
    line: u64,
    starts_line: bool,
}

impl Row {
    /// Its value; the error is the reason.
    pub fn value(self) -> Result<Value, String> {
        serde_json::from_slice(&self.text?).map_err(|error| told(&error))
    }
}

impl Rows {
    /// Begins reading a file.
    ///
    /// # Errors
    /// When it is unreadable, or not JSON; the reason says what it seems to be.
    pub fn of(file: impl BufRead + Send + 'static) -> Result<Self, Cause> {
        let (head, file) = text_of(file)?;
        let mut file = Signs { file: BufReader::new(file), line: 1, starts_line: true };
        let shape = match file.skip_blanks()? {
            None => return Err("the file is empty".into()),
            Some(b'[') => Shape::Array,
            Some(b'{') => Shape::Objects,
            Some(_) => return Err(format!("this seems to be {}", seems(&head)).into()),
        };
        if shape == Shape::Array {
            file.next()?;
        }
        Ok(Self { file, shape, given: 0, of_page: VecDeque::new(), pages: None, is_over: false })
    }

    fn next_row(&mut self) -> Result<Option<Row>, Cause> {
        loop {
            if let Some(text) = self.of_page.pop_front() {
                self.given += 1;
                return Ok(Some(Row { place: format!("entry {}", self.given), text: Ok(text) }));
            }
            let Some(row) = (if self.is_over {
                None
            } else if self.shape == Shape::Array {
                self.element()?
            } else {
                self.object()?
            }) else {
                self.is_over = true;
                return Ok(self.missing());
            };
            let Some(page) = row.text.as_ref().ok().and_then(|text| Page::read(text)) else {
                self.given += 1;
                return Ok(Some(row));
            };
            let (given, all) = self.pages.unwrap_or_default();
            self.pages = Some((given + page.results.len() as u64, all.max(page.count)));
            self.of_page.extend(page.results);
        }
    }

    /// Reports missing pages once.
    fn missing(&mut self) -> Option<Row> {
        let (given, all) = self.pages.take().filter(|(given, all)| given < all)?;
        let text = Err(format!("the file contains {given} of {all} rows; the others are on further pages"));
        Some(Row { place: "the page".to_owned(), text })
    }

    /// The next element of the array.
    fn element(&mut self) -> Result<Option<Row>, Cause> {
        let place = format!("entry {}", self.given + 1);
        let mut next = self.file.skip_blanks()?;
        if next == Some(b']') {
            self.file.next()?;
            return match self.file.skip_blanks()? {
                None => Ok(None),
                Some(_) => Err(not_whole(&format!("unexpected text after the array, at line {}", self.file.line))),
            };
        }
        if self.given > 0 || self.pages.is_some() {
            if next != Some(b',') {
                return Err(not_whole(&format!("a comma is missing before {place}, at line {}", self.file.line)));
            }
            self.file.next()?;
            next = self.file.skip_blanks()?;
        }
        let line = self.file.line;
        let mut text = Vec::new();
        let is_whole = if matches!(next, Some(b'{' | b'[')) {
            let mut depth = Depth::default();
            loop {
                let Some(sign) = self.file.next()? else { break false };
                push(&mut text, sign, &place)?;
                if depth.is_closed_by(sign) {
                    break true;
                }
            }
        } else {
            loop {
                match self.file.peek()? {
                    None => break false,
                    Some(sign) if sign == b',' || sign == b']' || sign.is_ascii_whitespace() => break true,
                    Some(sign) => push(&mut text, sign, &place)?,
                }
                self.file.next()?;
            }
        };
        if !is_whole {
            return Err(not_whole(&format!("it ends within {place}, which begins at line {line}")));
        }
        // If one is malformed, it is unclear where the next one begins.
        serde_json::from_slice::<IgnoredAny>(&text)
            .map_err(|error| not_whole(&format!("{place}, which begins at line {line}: {}", told(&error))))?;
        Ok(Some(Row { place, text: Ok(text) }))
    }

    /// The next object, or a line that begins with something else.
    ///
    /// JSON allows no line end within a text. So a truncated object ends with its line, and the next one is readable,
    /// unless it has several lines.
    fn object(&mut self) -> Result<Option<Row>, Cause> {
        let Some(first) = self.file.skip_blanks()? else { return Ok(None) };
        let line = self.file.line;
        let place = format!("line {line}");
        let broken = |place: String, reason: &str| Ok(Some(Row { place, text: Err(reason.to_owned()) }));
        let mut text = Vec::new();
        if first != b'{' {
            self.file.rest_of_line(&mut text, &place)?;
            return Ok(Some(Row { place, text: Ok(text) }));
        }
        let mut depth = Depth::default();
        // The number of finished non-blank lines, and whether this one is blank so far.
        let (mut lines, mut is_blank) = (0, true);
        loop {
            let Some(sign) = self.file.peek()? else {
                return if lines > 1 || (lines == 1 && !is_blank) {
                    Err(not_whole(&format!("it ends within an object that begins at line {line}")))
                } else {
                    broken(place, "it is incomplete")
                };
            };
            if self.file.starts_line && sign == b'{' && lines == 1 && is_blank && text.trim_ascii() != b"{" {
                return broken(place, "it is incomplete");
            }
            self.file.next()?;
            if sign == b'\n' {
                if depth.in_text {
                    return if lines == 0 {
                        broken(place, "it is incomplete")
                    } else {
                        Err(not_whole(&format!("unterminated text in the object that begins at line {line}")))
                    };
                }
                lines += u64::from(!is_blank);
                is_blank = true;
            } else if !sign.is_ascii_whitespace() {
                is_blank = false;
            }
            push(&mut text, sign, &place)?;
            if depth.is_closed_by(sign) {
                break;
            }
        }
        match self.file.skip_within_line()? {
            None | Some(b'\n' | b'{') => Ok(Some(Row { place, text: Ok(text) })),
            Some(_) => {
                self.file.rest_of_line(&mut text, &place)?;
                broken(place, "unexpected text after it")
            }
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Row, Cause>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.next_row().transpose();
        if matches!(row, Some(Err(_))) {
            self.is_over = true;
            self.pages = None;
        }
        row
    }
}

/// Which brackets of a value are open.
#[derive(Default)]
struct Depth {
    open: u64,
    in_text: bool,
    is_escaped: bool,
}

impl Depth {
    /// Whether this byte ends the value.
    fn is_closed_by(&mut self, sign: u8) -> bool {
        if std::mem::take(&mut self.is_escaped) {
            return false;
        }
        match sign {
            b'"' => self.in_text = !self.in_text,
            b'\\' => self.is_escaped = self.in_text,
            b'{' | b'[' if !self.in_text => self.open += 1,
            b'}' | b']' if !self.in_text => {
                self.open = self.open.saturating_sub(1);
                return self.open == 0;
            }
            _ => {}
        }
        false
    }
}

impl Signs {
    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.file.fill_buf()?.first().copied())
    }

    fn next(&mut self) -> io::Result<Option<u8>> {
        let sign = self.peek()?;
        if let Some(sign) = sign {
            self.file.consume(1);
            self.starts_line = sign == b'\n';
            self.line += u64::from(self.starts_line);
        }
        Ok(sign)
    }

    /// Skips blanks; returns the next byte without consuming it.
    fn skip_blanks(&mut self) -> io::Result<Option<u8>> {
        while let Some(sign) = self.peek()? {
            if !sign.is_ascii_whitespace() {
                return Ok(Some(sign));
            }
            self.next()?;
        }
        Ok(None)
    }

    /// The same, but stops at the end of the line.
    fn skip_within_line(&mut self) -> io::Result<Option<u8>> {
        while let Some(sign) = self.peek()? {
            if sign == b'\n' || !sign.is_ascii_whitespace() {
                return Ok(Some(sign));
            }
            self.next()?;
        }
        Ok(None)
    }

    fn rest_of_line(&mut self, text: &mut Vec<u8>, place: &str) -> Result<(), Cause> {
        while let Some(sign) = self.next()? {
            if sign == b'\n' {
                break;
            }
            push(text, sign, place)?;
        }
        Ok(())
    }
}

/// A page of a list, in the format of Django APIs.
struct Page {
    count: u64,
    results: Vec<Vec<u8>>,
}

impl Page {
    fn read(text: &[u8]) -> Option<Self> {
        // Few rows need a closer look.
        text.windows(9).any(|part| part == b"\"results\"").then_some(())?;
        let value: Value = serde_json::from_slice(text).ok()?;
        let results = value.get("results")?.as_array()?;
        ["model", "record", "username"].iter().all(|name| value.get(*name).is_none()).then_some(())?;
        Some(Self {
            count: value.get("count").and_then(Value::as_u64).unwrap_or_default(),
            results: results.iter().map(|row| row.to_string().into_bytes()).collect(),
        })
    }
}

fn push(text: &mut Vec<u8>, sign: u8, place: &str) -> Result<(), Cause> {
    if text.len() == MAX_ROW {
        return Err(format!("{place} is longer than {} MiB, the limit for one row", MAX_ROW >> 20).into());
    }
    text.push(sign);
    Ok(())
}

fn not_whole(reason: &str) -> Cause {
    format!("the file is not valid JSON: {reason}").into()
}

/// The error in the JSON without its content, which may be a secret.
pub fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match (text.find('"'), text.rfind('"')) {
        (Some(first), Some(last)) if first < last => format!("{}\"…\"{}", &text[..first], &text[last + 1..]),
        _ => text,
    }
}

/// What a text that is not JSON seems to be, and what to do.
fn seems(head: &[u8]) -> String {
    let head = String::from_utf8_lossy(head);
    let text = head.trim_start();
    let first = text.lines().next().unwrap_or_default().trim_end();
    let mut lines = head.lines().zip(1_u64..);
    let json = lines.find(|(line, _)| line.starts_with(['[', '{'])).map(|(_, number)| number);
    let starts = |starts: &[&str]| {
        starts.iter().any(|start| text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start)))
    };
    let commas = |line: &str| line.matches([',', ';', '\t']).count();
    let as_json = "export it as JSON";
    if starts(&["---", "- ", "%YAML"]) || text.lines().take(9).filter(|line| is_yaml(line)).count() > 1 {
        format!("YAML; {as_json}, as dumpdata does without --format")
    } else if starts(&["<!doctype html", "<html"]) {
        format!("an HTML page; {as_json}")
    } else if starts(&["<"]) {
        format!("XML; {as_json}, as dumpdata does without --format")
    } else if let Some(line) = json {
        format!("JSON after other text, such as a log; remove everything before line {line}")
    } else if starts(&["-- ", "--\n", "/*", "create ", "insert ", "begin;", "pragma ", "set ", "copy "]) {
        "an SQL dump; export the users with the other system's own command".to_owned()
    } else if commas(first) > 0 && text.lines().nth(1).is_none_or(|second| commas(second) == commas(first)) {
        format!("CSV; {as_json}")
    } else {
        format!("not JSON; {as_json}")
    }
}

/// Whether a line is `name: …`, as in YAML.
fn is_yaml(line: &str) -> bool {
    let Some((name, rest)) = line.trim_start().split_once(':') else { return false };
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && (rest.is_empty() || rest.starts_with(' '))
}
