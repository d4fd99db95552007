//! The content of a file as UTF-8: unpacked if it is gzip, and decoded if it is UTF-16.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use flate2::bufread::MultiGzDecoder;
use shared::error::Cause;

/// A file that is read in pieces.
pub type File = Box<dyn BufRead + Send>;

/// How many bytes are inspected to recognize a file.
const HEAD: u64 = 4096;
/// The highest ratio of unpacked to packed bytes; a dump has twenty, a decompression bomb a thousand.
const GROWTH: u64 = 100;
/// How many unpacked bytes are exempt from that.
const FREE: u64 = 16 << 20;

/// The first bytes of files that are not text, and what these are.
const OTHERS: [(&[u8], &str); 9] = [
    (b"PK\x03\x04", "a zip archive; unpack it first"),
    (b"BZh", "packed with bzip2; unpack it first"),
    (b"\xfd7zXZ\0", "packed with xz; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"SQLite format 3\0", "an SQLite database; export the users with the other system's own command"),
    (b"PGDMP", "a PostgreSQL dump; export the users with the other system's own command"),
    (b"\xff\xfe\0\0", "UTF-32; save it as UTF-8"),
    (b"\0\0\xfe\xff", "UTF-32; save it as UTF-8"),
];

/// The text of a file, and its first bytes. A byte order mark is skipped.
///
/// # Errors
/// When the file is unreadable, or not text; the reason says what it seems to be.
pub fn text_of(file: impl BufRead + Send + 'static) -> Result<(Vec<u8>, File), Cause> {
    let (mut head, mut file) = ahead(Box::new(file))?;
    if head.starts_with(b"\x1f\x8b") {
        (head, file) = ahead(Box::new(BufReader::new(Unpacked::new(file))))?;
    }
    if let Some((_, seems)) = OTHERS.iter().find(|(start, _)| head.starts_with(start)) {
        return Err(format!("this seems to be {seems}").into());
    }
    let encoding = encoding(&head);
    if let Some((found, length)) = encoding {
        file.consume(length);
        if found != UTF_8 {
            file = Box::new(BufReader::new(Decoded::new(file, found)));
        }
        (head, file) = ahead(file)?;
    }
    if head.iter().any(|byte| *byte < b'\t') {
        // The length, and the type of the first field.
        let is_bson = matches!(head[..], [_, _, _, 0, 1..=19, ..]);
        let seems = if is_bson { "BSON from mongodump; use mongoexport" } else { "a binary file" };
        return Err(format!("this seems to be {seems}").into());
    }
    Ok((head, file))
}

/// The first bytes, and a file that still contains them.
fn ahead(mut file: File) -> io::Result<(Vec<u8>, File)> {
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head)?;
    Ok((head.clone(), Box::new(Cursor::new(head).chain(file))))
}

/// The encoding according to the first bytes, and the length of its byte order mark. JSON begins with two ASCII
/// characters.
fn encoding(head: &[u8]) -> Option<(&'static Encoding, usize)> {
    Encoding::for_bom(head).or(match head {
        [b'[' | b'{' | b' ' | b'\r' | b'\n' | b'\t', 0, _, 0, ..] => Some((UTF_16LE, 0)),
        [0, b'[' | b'{' | b' ' | b'\r' | b'\n' | b'\t', 0, _, ..] => Some((UTF_16BE, 0)),
        _ => None,
    })
}

/// The content of gzip, unless it grows too much.
struct Unpacked {
    packed: MultiGzDecoder<Counted>,
    given: u64,
}

/// Counts the bytes read from a file.
struct Counted {
    file: File,
    taken: u64,
}

impl Unpacked {
    fn new(file: File) -> Self {
        Self { packed: MultiGzDecoder::new(Counted { file, taken: 0 }), given: 0 }
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.packed.read(buffer).map_err(|error| match error.kind() {
            ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, format!("the gzip file is damaged or incomplete: {error}")),
        })?;
        self.given += u64::try_from(read).unwrap_or(u64::MAX);
        if self.given > FREE && self.given / GROWTH > self.packed.get_ref().taken {
            return Err(io::Error::other(format!(
                "this gzip file unpacks to more than {GROWTH} times its size, which no dump does"
            )));
        }
        Ok(read)
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.taken += u64::try_from(read).unwrap_or(u64::MAX);
        Ok(read)
    }
}

impl BufRead for Counted {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.file.consume(count);
        self.taken += u64::try_from(count).unwrap_or(u64::MAX);
    }
}

/// Text of another encoding as UTF-8. Invalid bytes are an error, because a replacement would make another name or
/// hash.
struct Decoded {
    file: File,
    decoder: Decoder,
    ready: Vec<u8>,
    given: usize,
    is_whole: bool,
}

impl Decoded {
    fn new(file: File, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder_without_bom_handling();
        Self { file, decoder, ready: Vec::new(), given: 0, is_whole: false }
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() && !self.is_whole {
            let piece = self.file.fill_buf()?;
            let is_last = piece.is_empty();
            self.ready.resize(8192, 0);
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(piece, &mut self.ready, is_last);
            self.file.consume(read);
            self.ready.truncate(written);
            self.given = 0;
            match result {
                DecoderResult::InputEmpty => self.is_whole = is_last,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    self.is_whole = true;
                    let name = self.decoder.encoding().name();
                    return Err(io::Error::new(ErrorKind::InvalidData, format!("the file is not valid {name}")));
                }
            }
        }
        let read = self.ready[self.given..].as_ref().read(buffer)?;
        self.given += read;
        Ok(read)
    }
}
