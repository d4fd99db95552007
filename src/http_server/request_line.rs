//! Raw characters in the first line of a request.
//!
//! Some clients (such as curl) send `"`, `<` and `>` unencoded. hyper refuses such a request before our code sees it,
//! with an empty 400. So these characters are percent-encoded before they reach hyper, as browsers do.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes are read at once while waiting for a request's first line.
const PIECE: usize = 4096;

/// Whether the next bytes of a connection begin a request.
#[derive(Clone)]
pub(super) struct AtLine(Arc<AtomicBool>);

/// A stream that encodes the first line of each request. With pipelining it may miss a line, which hyper then reads
/// unchanged.
pub(super) struct EncodedLines<S> {
    stream: S,
    at_line: AtLine,
    /// Encoded bytes not read yet.
    encoded: Bytes,
}

impl AtLine {
    /// A new connection begins with a request.
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// Call it when a request was read completely.
    pub(super) fn expect(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_expected(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// The bytes with the rest of the line encoded.
    fn encode(&self, bytes: &[u8]) -> Bytes {
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        let (line, after) = bytes.split_at(end);
        if !after.is_empty() {
            self.0.store(false, Ordering::Release);
        }
        let mut encoded = Vec::with_capacity(bytes.len());
        for byte in line {
            match byte {
                b'"' => encoded.extend_from_slice(b"%22"),
                b'<' => encoded.extend_from_slice(b"%3C"),
                b'>' => encoded.extend_from_slice(b"%3E"),
                byte => encoded.push(*byte),
            }
        }
        encoded.extend_from_slice(after);
        encoded.into()
    }
}

impl<S> EncodedLines<S> {
    pub(super) fn new(stream: S, at_line: AtLine) -> Self {
        Self { stream, at_line, encoded: Bytes::new() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for EncodedLines<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.encoded.is_empty() {
            if !self.at_line.is_expected() {
                return Pin::new(&mut self.stream).poll_read(context, buffer);
            }
            let mut piece = [0; PIECE];
            let mut piece = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut piece))?;
            self.encoded = self.at_line.encode(piece.filled());
        }
        let size = buffer.remaining().min(self.encoded.len());
        buffer.put_slice(&self.encoded.split_to(size));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for EncodedLines<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_is_encoded_wherever_its_bytes_are_cut() {
        let sent = b"GET /?a=\"<b>\" HTTP/1.1\r\nx: \"<>\"\r\n\r\n\"<>\"";
        let expected = b"GET /?a=%22%3Cb%3E%22 HTTP/1.1\r\nx: \"<>\"\r\n\r\n\"<>\"";
        for cut in 0..sent.len() {
            let at_line = AtLine::new();
            let mut encoded = Vec::new();
            for piece in [&sent[..cut], &sent[cut..]] {
                let is_line = at_line.is_expected();
                encoded.extend_from_slice(&if is_line { at_line.encode(piece) } else { piece.to_vec().into() });
            }
            assert_eq!(encoded, expected, "cut at {cut}");
            assert!(!at_line.is_expected());
        }
    }
}
