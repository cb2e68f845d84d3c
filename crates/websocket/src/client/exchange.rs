//! One request over HTTP/1.1 by hyper, after which the stream is HTTP no more: an upgrade, or a CONNECT.

use std::{future::poll_fn, pin::pin};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// The bytes of an answer's head that are taken at most.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// An answer, and the stream if it is ours now, with what came behind the answer.
pub(crate) struct Exchanged<S> {
    pub(crate) response: Response<()>,
    pub(crate) stream: Option<(S, Bytes)>,
}

/// Sends a request and takes the answer.
///
/// # Errors
/// The transport failed, or the answer is not HTTP.
pub(crate) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    request: Request<()>,
) -> Result<Exchanged<S>, hyper::Error> {
    let is_connect = request.method() == Method::CONNECT;
    let (mut sender, mut connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await?;
    let mut end = pin!(poll_fn(|cx| connection.poll_without_shutdown(cx)));
    let mut answer = pin!(sender.send_request(request.map(|()| Empty::<Bytes>::new())));
    let mut ended = false;
    let response = loop {
        tokio::select! {
            response = &mut answer => break response?,
            result = &mut end, if !ended => {
                result?;
                ended = true;
            }
        }
    };
    // What an answer says beyond its head is not read.
    let response = response.map(drop);
    if !hands_over(is_connect, response.status()) {
        return Ok(Exchanged {
            response,
            stream: None,
        });
    }
    if !ended {
        end.await?;
    }
    let parts = connection.into_parts();
    Ok(Exchanged {
        response,
        stream: Some((parts.io.into_inner(), parts.read_buf)),
    })
}

/// RFC 9110 §15.2.2, §9.3.6
fn hands_over(is_connect: bool, status: StatusCode) -> bool {
    match is_connect {
        true => status.is_success(),
        false => status == StatusCode::SWITCHING_PROTOCOLS,
    }
}
