//! Receiving request bodies within time limits.

use std::io::{Error, ErrorKind};

use axum::body::{Body, Bytes};
use futures_util::stream;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::{Instant, timeout_at};

use super::Limits;

/// How many unwanted bytes are read and discarded, so that the client reads the response.
const MOST_DISCARDED: usize = 16 * 1024 * 1024;

/// The result of receiving a body.
pub(super) enum Arrived {
    /// All of it.
    Whole(Bytes),
    /// The first [`Limits::SMALL_BODY`] bytes; the rest is still to come.
    Begun(Begun),
    /// Not enough in time.
    TooSlow,
    /// The client aborted it.
    Broken,
}

/// A partly received body.
pub(super) struct Begun {
    first: Bytes,
    rest: Arriving,
}

struct Arriving {
    incoming: Incoming,
    pause: std::time::Duration,
    end: Instant,
}

/// The next chunk of a body.
enum Piece {
    Bytes(Bytes),
    End,
    TooSlow,
    Broken,
}

impl Arriving {
    async fn next(&mut self) -> Piece {
        let until = self.end.min(Instant::now() + self.pause);
        match timeout_at(until, self.incoming.frame()).await {
            Ok(Some(Ok(frame))) => Piece::Bytes(frame.into_data().unwrap_or_default()),
            Ok(Some(Err(_))) => Piece::Broken,
            Ok(None) => Piece::End,
            Err(_) => Piece::TooSlow,
        }
    }
}

/// Waits for the end of a body, or for more of it than is small.
pub(super) async fn arrive(incoming: Incoming, limits: &Limits) -> Arrived {
    let mut rest = Arriving { incoming, pause: limits.pause, end: Instant::now() + limits.body };
    let mut bytes = Vec::new();
    while bytes.len() <= Limits::SMALL_BODY {
        match rest.next().await {
            Piece::Bytes(piece) => bytes.extend_from_slice(&piece),
            Piece::End => return Arrived::Whole(bytes.into()),
            Piece::TooSlow => return Arrived::TooSlow,
            Piece::Broken => return Arrived::Broken,
        }
    }
    Arrived::Begun(Begun { first: bytes.into(), rest })
}

/// The body for the application, and a future that receives it. The future returns whether the body arrived in time. It
/// continues even if the application stops reading, because some clients read the response only after sending
/// everything.
pub(super) fn hand_on(begun: Begun) -> (Body, impl Future<Output = bool>) {
    let (sender, receiver) = channel::<Result<Bytes, Error>>(1);
    let pieces = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    (Body::from_stream(pieces), bring(begun, sender))
}

/// Reads and discards the rest of a body, for clients that read the response only afterwards.
pub(super) async fn discard(begun: Begun) {
    let (body, rest) = hand_on(begun);
    drop(body);
    rest.await;
}

async fn bring(Begun { first, mut rest }: Begun, sender: Sender<Result<Bytes, Error>>) -> bool {
    let mut discarded = 0;
    let mut piece = first;
    loop {
        let length = piece.len();
        if sender.send(Ok(piece)).await.is_err() {
            discarded += length;
        }
        if discarded > MOST_DISCARDED {
            return true;
        }
        piece = match rest.next().await {
            Piece::Bytes(piece) => piece,
            Piece::End => return true,
            end @ (Piece::TooSlow | Piece::Broken) => {
                let _ = sender.send(Err(Error::from(ErrorKind::UnexpectedEof))).await;
                return matches!(end, Piece::Broken);
            }
        };
    }
}
